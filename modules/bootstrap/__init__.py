"""Set-up with the standard library alone; runs before anything is installed."""
