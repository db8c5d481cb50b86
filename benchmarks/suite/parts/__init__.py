"""What the suite measures, one file for a theme."""
