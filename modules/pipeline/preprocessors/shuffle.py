"""A picture's colours without its composition: pixels moved along a smooth random flow."""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.pipeline.preprocessors.fitting import Pixels

COARSENESS = 256
"""Pixels over which the flow changes."""


def shuffled(pixels: Pixels, a: float, b: float) -> Pixels:
    """Every pixel from another place. The same picture is always shuffled the same way."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(pixels.tobytes()).digest()
    chance = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    across = _flow(chance, width, height) * (width - 1)
    down = _flow(chance, width, height) * (height - 1)
    return np.asarray(cv2.remap(pixels, across, down, cv2.INTER_LINEAR), np.uint8)


def _flow(chance: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Smooth noise (height, width) that reaches from 0 to 1."""
    few = max(2, width // COARSENESS + 3), max(2, height // COARSENESS + 3)
    coarse = chance.random((few[1], few[0]), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = float(smooth.min()), float(smooth.max())
    return np.asarray((smooth - low) / max(high - low, 1e-6), np.float32)
