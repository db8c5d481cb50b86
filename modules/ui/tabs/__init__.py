"""One file a tab: what is on it and how it is wired."""
