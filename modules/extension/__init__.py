"""The narrow door by which extensions come in."""
