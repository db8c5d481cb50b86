"""Giving a result the colours of the picture it was made from."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = Image.Image
Levels = NDArray[np.uint8]

LUMINOSITY = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue (ITU-R BT.601)."""


def corrected(result: Picture, reference: Picture) -> Picture:
    """`result` (RGB) with the colours of `reference`, but its own luminosity.

    Histograms are matched channel by channel in CIELAB with 8 bits.
    """
    lab = cv2.cvtColor(np.asarray(result), cv2.COLOR_RGB2LAB)
    wanted = cv2.cvtColor(np.asarray(reference.convert("RGB")), cv2.COLOR_RGB2LAB)
    channels = [matched(lab[..., i], wanted[..., i]) for i in range(3)]
    matched_rgb = cv2.cvtColor(np.stack(channels, axis=-1), cv2.COLOR_LAB2RGB)
    colours = with_luminosity(matched_rgb / 255.0, luminosity(np.asarray(result) / 255.0))
    return Image.fromarray((colours * 255.0).astype(np.uint8))  # rounded toward zero


def matched(source: Levels, template: Levels) -> Levels:
    """`source` with the histogram of `template`: quantile for quantile, rounded toward zero."""
    values, places, counts = np.unique(source, return_inverse=True, return_counts=True)
    wanted, wanted_counts = np.unique(template, return_counts=True)
    quantiles = np.cumsum(counts) / source.size
    wanted_quantiles = np.cumsum(wanted_counts) / template.size
    levels = np.interp(quantiles, wanted_quantiles, wanted)
    assert len(values) == len(levels)
    return levels.astype(np.uint8)[places].reshape(source.shape)


def luminosity(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """(h, w, 3) from 0 to 1 -> (h, w)."""
    red, green, blue = (colours[..., i] * LUMINOSITY[i] for i in range(3))
    return red + green + blue


def with_luminosity(
    colours: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The colours (h, w, 3) moved to another luminosity (h, w).

    SetLum of the W3C's "Compositing and Blending Level 1", section 10.2: what leaves 0 to 1 is
    drawn towards its grey.
    """
    moved = colours + (wanted - luminosity(colours))[..., None]
    grey = luminosity(moved)[..., None]
    low, high = moved.min(axis=-1, keepdims=True), moved.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        raised = grey + (moved - grey) * grey / (grey - low)
        lowered = grey + (moved - grey) * (1 - grey) / (high - grey)
    return np.where(high > 1, lowered, np.where(low < 0, raised, moved))
