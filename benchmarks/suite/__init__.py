"""The suite: every measurement that says how fast the program is, in one run and one table."""
