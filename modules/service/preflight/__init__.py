"""What a job will cost in seconds, memory and disk, learned from the jobs drawn on this machine."""
