"""Parsed prompts to the tensors a diffusion network is conditioned on."""
