"""One generation from start to end."""
