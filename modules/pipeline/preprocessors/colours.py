"""Maps that keep or change colours: inverted, blurred, shrunk, in squares, as lightness."""

import cv2
import numpy as np

from modules.pipeline.preprocessors.edges import in_three
from modules.pipeline.preprocessors.fitting import Pixels

SQUARE = 64
"""Pixels of a side of a colour grid's squares."""


def inverted(pixels: Pixels, a: float, b: float) -> Pixels:
    """Black lines on white as white lines on black."""
    return 255 - pixels


def threshold(pixels: Pixels, level: float, b: float) -> Pixels:
    """White where a pixel is brighter than `level`."""
    return np.where(pixels.min(axis=2, keepdims=True) > level, 255, 0).repeat(3, 2).astype(np.uint8)


def blurred(pixels: Pixels, sigma: float, b: float) -> Pixels:
    """A Gaussian blur of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def shrunk(pixels: Pixels, rate: float, b: float) -> Pixels:
    """The picture `rate` times smaller; less than a tenth leaves it as it is."""
    if rate < 1.1:
        return pixels
    height, width = (max(1, int(side / rate)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def colour_grid(pixels: Pixels, a: float, b: float) -> Pixels:
    """Squares of 64 pixels in their middle colour."""
    height, width = pixels.shape[:2]
    few = max(1, width // SQUARE), max(1, height // SQUARE)
    small = cv2.resize(pixels, few, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(small, (width, height), interpolation=0), np.uint8)


def luminance(pixels: Pixels, gamma: float, b: float) -> Pixels:
    """Lightness of the Lab colours, to the power of `gamma`."""
    return _curved(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., 0], gamma)


def intensity(pixels: Pixels, gamma: float, b: float) -> Pixels:
    """The value of the HSV colours, to the power of `gamma`."""
    return _curved(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 2], gamma)


def _curved(levels: Pixels, gamma: float) -> Pixels:
    shares = (levels.astype(np.float32) / 255) ** gamma
    return in_three((shares * 255).clip(0, 255).astype(np.uint8))
