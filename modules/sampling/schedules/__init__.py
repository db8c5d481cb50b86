"""Schedules: how the noise levels of one pass are spaced."""
