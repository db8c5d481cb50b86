"""What runs one request many times: plots, loops, tiles, folders."""
