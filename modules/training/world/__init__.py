"""The world of the embedded model: captioned pictures that we draw ourselves (no torch here)."""
