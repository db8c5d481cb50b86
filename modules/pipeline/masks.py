"""Masks: taken in, blurred, and the region of the picture they are about. White is repainted."""

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

Picture = Image.Image
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

OPAQUE = 255
HALF = 128


def mask_of(picture: Picture, *, hard: bool) -> Picture:
    """The mask (mode L) that a picture of any mode means: its transparency, else its lightness.

    A `hard` mask from transparency is black or white; lightness always keeps its greys.
    """
    if picture.mode == "RGBA" and picture.getextrema()[-1] != (OPAQUE, OPAQUE):
        alpha = picture.getchannel("A")
        return alpha.point(lambda value: 255 if value > HALF else 0) if hard else alpha
    return picture.convert("L")


def inverted(mask: Picture) -> Picture:
    """Repaint what was kept."""
    return ImageOps.invert(mask)


def blurred(mask: Picture, sideways: int, downwards: int) -> Picture:
    """Gaussian blur with these standard deviations in pixels, first sideways."""
    levels = np.asarray(mask)
    if sideways > 0:
        levels = cv2.GaussianBlur(levels, (kernel_length(sideways), 1), sideways)
    if downwards > 0:
        levels = cv2.GaussianBlur(levels, (1, kernel_length(downwards)), downwards)
    return Image.fromarray(levels)


def kernel_length(deviation: float) -> int:
    """Pixels of the blur's kernel: 2.5 standard deviations to each side."""
    return 2 * int(2.5 * deviation + 0.5) + 1


def doubled(mask: Picture) -> Picture:
    """Twice as white, for pasting the original back only where nothing was repainted at all."""
    return mask.point(lambda value: min(value * 2, 255))


def region_of(mask: Picture, padding: int) -> Box | None:
    """The box around everything that is not black, wider by `padding` inside the picture.

    None if there is nothing to repaint.
    """
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return (
        max(left - padding, 0),
        max(top - padding, 0),
        min(right + padding, mask.width),
        min(bottom + padding, mask.height),
    )


def expanded(box: Box, target: tuple[int, int], size: tuple[int, int]) -> Box:
    """`box` grown to the shape of `target` (width, height) as far as a picture of `size` allows."""
    left, top, right, bottom = box
    wanted = target[0] / target[1]
    if (right - left) / (bottom - top) > wanted:
        missing = int((right - left) / wanted - (bottom - top))
        top, bottom = _grown(top, bottom, missing, size[1])
    else:
        missing = int((bottom - top) * wanted - (right - left))
        left, right = _grown(left, right, missing, size[0])
    return left, top, right, bottom


def _grown(low: int, high: int, missing: int, limit: int) -> tuple[int, int]:
    """`missing` more between `low` and `high`, moved to lie inside 0 to `limit` if it can."""
    low -= missing // 2
    high += missing - missing // 2
    if high >= limit:
        low, high = low - (high - limit), limit
    if low < 0:
        low, high = 0, high - low
    return low, min(high, limit)


def latent_mask(mask: Picture, w: int, h: int, *, hard: bool) -> Tensor:
    """What is repainted of each latent cell, (h, w) float32 from 0 to 1; `hard` is 0 or 1."""
    small = mask.convert("RGB").resize((w, h))
    share = np.asarray(small)[..., 0].astype(np.float32) / 255
    return torch.from_numpy(np.around(share) if hard else share)
