"""Training: the embedded model that ships with the program, and later people's own embeddings."""
