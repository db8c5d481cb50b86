"""Networks that change a model's weights: found, read, merged, and taken out again exactly."""
