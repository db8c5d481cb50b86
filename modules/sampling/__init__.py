"""Noise in, image out: samplers, schedules, noise and guidance. Knows no model."""
