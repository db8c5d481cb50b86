"""Who may come in, from which page, and what browsers may do with the answers."""
