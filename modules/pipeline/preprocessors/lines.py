"""Straight lines and drawn lines without a network."""

import cv2
import numpy as np

from modules.pipeline.preprocessors.edges import in_three
from modules.pipeline.preprocessors.fitting import Pixels

SHORTEST = 0.02
"""Of the picture's diagonal, for each 0.1 of the distance threshold."""
FAINTEST = 120.0
"""Levels between a line's two sides, for each unit of the value threshold."""

GRAIN = 12.0
"""Levels that paper differs from its surroundings by itself."""


def straight_lines(pixels: Pixels, value: float, distance: float) -> Pixels:
    """White straight lines on black, found by LSD (Grompone von Gioi et al. 2012).

    `value` asks for more contrast across a line, `distance` for longer lines.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    canvas = np.zeros(grey.shape, np.uint8)
    if found is None:
        return in_three(canvas)
    shortest = SHORTEST * distance / 0.1 * float(np.hypot(*grey.shape))
    for x1, y1, x2, y2 in found.reshape(-1, 4):
        if np.hypot(x2 - x1, y2 - y1) < shortest:
            continue
        if _contrast(grey, (x1, y1, x2, y2)) < FAINTEST * value:
            continue
        ends = (round(x1), round(y1)), (round(x2), round(y2))
        cv2.line(canvas, *ends, color=255, thickness=1)
    return in_three(canvas)


def _contrast(grey: Pixels, line: tuple[float, float, float, float]) -> float:
    """Levels between the two sides of a line's middle, three pixels apart from it."""
    x1, y1, x2, y2 = line
    length = float(np.hypot(x2 - x1, y2 - y1)) or 1.0
    middle = np.array([x1 + x2, y1 + y2]) / 2
    aside = np.array([y1 - y2, x2 - x1]) / length * 3
    levels = []
    for place in (middle + aside, middle - aside):
        x, y = np.clip(np.round(place), 0, np.array(grey.shape[::-1]) - 1).astype(int)
        levels.append(float(grey[y, x]))
    return abs(levels[0] - levels[1])


def standard_lines(pixels: Pixels, a: float, b: float) -> Pixels:
    """Lines of a drawing on bright paper, white on black, the paper's shade taken out.

    How much darker a pixel is than its surroundings, so that nine in ten of the pixels that are
    drawn at all are below pure white.
    """
    levels = pixels.astype(np.float32)
    paper = cv2.GaussianBlur(levels, (0, 0), 6.0)
    depth = np.min(paper - levels, axis=2).clip(0, 255)
    drawn = depth[depth > GRAIN]
    if not drawn.size:
        return np.zeros_like(pixels)
    depth = depth / float(np.percentile(drawn, 90)) * 255
    return in_three(depth.clip(0, 255).astype(np.uint8))
