"""One sampling algorithm a file, each a generator of steps."""
