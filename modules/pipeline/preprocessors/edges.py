"""Edges without a network: hard, soft, and as if scribbled by hand."""

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.pipeline.preprocessors.fitting import Pixels, thinned

XDOG_SIGMAS = 0.5, 5.0
"""Narrow and wide blur of the difference of Gaussians, in pixels."""
SCRIBBLE_BLUR = 3.0
BOLD = 4
"""Levels above which a blurred line is part of a scribble's stroke."""
STRONG = 99.5
"""Percentile of gradients that becomes white."""


def in_three(levels: NDArray[np.uint8]) -> Pixels:
    """(H, W) as grey (H, W, 3)."""
    return np.repeat(levels[..., None], 3, axis=2)


def canny(pixels: Pixels, low: float, high: float) -> Pixels:
    """White edges on black (Canny 1986) with OpenCV's hysteresis thresholds."""
    return in_three(np.asarray(cv2.Canny(pixels, low, high), np.uint8))


def gradient(pixels: Pixels) -> NDArray[np.float32]:
    """How strongly colours change, (H, W) from 0 to 1: the largest of Scharr's over channels."""
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.4).astype(np.float32) / 255
    sideways = cv2.Scharr(soft, cv2.CV_32F, 1, 0)
    downwards = cv2.Scharr(soft, cv2.CV_32F, 0, 1)
    strength = np.hypot(sideways, downwards).max(axis=2)
    top = float(np.percentile(strength, STRONG))
    if top <= 1e-4:
        return np.zeros_like(strength)
    return np.minimum(strength / top, 1)


def soft_edges(pixels: Pixels, a: float, b: float) -> Pixels:
    """Edges in greys, broad like a network's: gradients at two sizes, weak ones lifted."""
    fine = gradient(pixels)
    height, width = fine.shape
    half = cv2.resize(pixels, (max(1, width // 2), max(1, height // 2)), interpolation=3)
    coarse = cv2.resize(gradient(half), (width, height), interpolation=cv2.INTER_LINEAR)
    levels = cv2.GaussianBlur((0.5 * fine + 0.5 * coarse) ** 0.7, (0, 0), 1.0)
    return in_three((levels * 255).clip(0, 255).astype(np.uint8))


def scribble(pixels: Pixels, a: float, b: float) -> Pixels:
    """Soft edges drawn over with a thick pen."""
    return as_scribble(soft_edges(pixels, a, b)[..., 0])


def as_scribble(levels: NDArray[np.uint8]) -> Pixels:
    """Soft edges (H, W) as bold white strokes on black: ridges thinned, then thickened."""
    lines = thinned(levels, SCRIBBLE_BLUR)
    bold = cv2.GaussianBlur(lines, (0, 0), SCRIBBLE_BLUR)
    return in_three(np.where(bold > BOLD, 255, 0).astype(np.uint8))


def xdog(pixels: Pixels, threshold: float, b: float) -> Pixels:
    """White strokes where a pixel is darker than its surroundings (Winnemöller et al. 2012).

    `threshold` is twice the levels by which the wide blur must exceed the narrow one.
    """
    narrow, wide = (
        cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), sigma) for sigma in XDOG_SIGMAS
    )
    darker = (wide - narrow).max(axis=2)
    return in_three(np.where(2 * darker > threshold, 255, 0).astype(np.uint8))
