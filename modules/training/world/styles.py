"""Drawing styles: what becomes of a finished flat picture; one row per style."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

Floats = NDArray[np.float32]
PAPER = np.array((252, 249, 240), dtype=np.float32)
INK = (22, 20, 26)


@dataclass(frozen=True)
class Style:
    """A style: its name, how it is made, phrases that lead or follow a caption, and tags."""

    name: str
    make: Callable[[Image.Image, Random], Image.Image]
    openings: tuple[str, ...]
    endings: tuple[str, ...]


def outline(picture: Image.Image, rng: Random) -> Image.Image:
    """Dark lines wherever colours meet, three pixels in a picture of 128."""
    unit = min(picture.size) / 85
    wide = max(1, round(unit)) * 2 + 1
    low = picture.filter(ImageFilter.MinFilter(wide))
    high = picture.filter(ImageFilter.MaxFilter(wide))
    bands = ImageChops.difference(high, low).split()
    strongest = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    lines = strongest.point(lambda level: min(255, max(0, (level - 34) * 12)))
    drawn = picture.copy()
    drawn.paste(INK, mask=lines)
    return drawn


def _mottle(size: tuple[int, int], cells: int, rng: Random) -> Floats:
    """Smooth noise in [-1, 1], (height, width, 1), with about `cells` spots a side."""
    spots = np.array([rng.uniform(-1, 1) for _ in range(cells * cells)], dtype=np.float32)
    small = Image.fromarray(spots.reshape(cells, cells), mode="F")
    grown = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return grown[..., None]


def watercolour(picture: Image.Image, rng: Random) -> Image.Image:
    """Soft washes on white paper, darker in places, with a ragged unpainted margin."""
    unit = min(picture.size) / 128
    soft: Floats = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8 * unit)), np.float32)
    wash = PAPER - (PAPER - soft) * (0.76 + 0.14 * _mottle(picture.size, 7, rng))
    height, width = soft.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)[..., None]
    inward = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) / unit
    painted = ((inward - 6 - 5 * _mottle(picture.size, 9, rng)) / 3).clip(0, 1)
    result = PAPER + (wash - PAPER) * painted
    return Image.fromarray(result.round().clip(0, 255).astype(np.uint8))


def pixel_art(picture: Image.Image, rng: Random) -> Image.Image:
    """Squares of a thirty-second of the shorter side, in few colours."""
    width, height = picture.size
    block = max(2, min(picture.size) // 32)
    small = picture.resize((width // block, height // block), Image.Resampling.BOX)
    steps = small.point(lambda level: min(255, round(level / 36.43) * 36))
    return steps.resize(picture.size, Image.Resampling.NEAREST)


STYLES: tuple[Style, ...] = (
    Style(
        "outline",
        outline,
        ("an outline drawing of", "a comic drawing of", "an ink drawing of"),
        ("with thick outlines", "outline style", "ink outlines", "comic style"),
    ),
    Style(
        "watercolour",
        watercolour,
        ("a watercolour of", "a watercolour painting of", "a watercolor of"),
        ("watercolour", "watercolour style", "watercolor"),
    ),
    Style(
        "pixel art",
        pixel_art,
        ("pixel art of", "a pixel art picture of", "an 8-bit picture of"),
        ("pixel art", "pixel style", "8-bit"),
    ),
)

STYLE_BY_NAME: dict[str, Style] = {style.name: style for style in STYLES}


def in_style(picture: Image.Image, style: str, rng: Random) -> Image.Image:
    """The picture in the named style; the same size."""
    return STYLE_BY_NAME[style].make(picture, rng)
