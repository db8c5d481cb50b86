"""Pictures and maps brought to a size: before the preprocessor looks, and for the drawing.

Pixels are uint8 arrays (height, width, 3). Maps are not photographs: lines must stay lines and
labels must keep their exact colours, so the way of resizing depends on what is in the map.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.errors import InvalidRequest
from modules.schema.control import CONTROL_RESIZE_MODES

Pixels = NDArray[np.uint8]

CELL = 64
"""Networks of preprocessors want sides that are multiples of this."""
FEW_COLOURS = 200
"""Fewer than so many colours are labels."""
HALF = 127
MOST_PIXELS = 2**26

JUST, CROP, FILL = CONTROL_RESIZE_MODES


def pixel_perfect(size: tuple[int, int], target: tuple[int, int], mode: str) -> int:
    """The preprocessor's resolution at which its map needs no resizing.

    `size` is the picture's (width, height), `target` the drawing's. The shorter side times the
    scale that the resize mode will use; half a pixel goes to the even side.
    """
    scales = target[0] / size[0], target[1] / size[1]
    scale = min(scales) if mode == FILL else max(scales)
    return int(np.round(scale * min(size)))


def looked_at(pixels: Pixels, resolution: int | None, look: Callable[[Pixels], Pixels]) -> Pixels:
    """Let `look` make a map of the picture with `resolution` pixels on its shorter side.

    It sees sides that are multiples of 64, filled up with the edge's pixels, which are cut off
    again. None shows it the picture as it is.
    """
    if resolution is None:
        return look(pixels)
    height, width = pixels.shape[:2]
    scale = resolution / min(height, width)
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    if high * wide > MOST_PIXELS:
        raise InvalidRequest(
            f"The preprocessor would have to look at {wide} x {high} pixels.",
            "Choose a lower preprocessor resolution.",
        )
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    small = cv2.resize(pixels, (wide, high), interpolation=way)
    rest = (0, -high % CELL), (0, -wide % CELL), (0, 0)
    made = look(np.ascontiguousarray(np.pad(small, rest, mode="edge")))
    full_high, full_wide = high + rest[0][1], wide + rest[1][1]
    bottom = round(made.shape[0] * high / full_high)
    right = round(made.shape[1] * wide / full_wide)
    return np.ascontiguousarray(made[:bottom, :right])


def fitted(pixels: Pixels, width: int, height: int, mode: str, *, smooth: bool = False) -> Pixels:
    """The map at width x height: stretched, cropped, or with bars in the colour of its border.

    `smooth` is for masks, which are areas whatever they look like.
    """
    resize = smoothly if smooth else resized
    if mode == JUST:
        return resize(pixels, width, height)
    high, wide = pixels.shape[:2]
    scales = height / high, width / wide
    if mode == CROP:
        scale = max(scales)
        inner = resize(pixels, round(wide * scale), round(high * scale))
        top = max(0, (inner.shape[0] - height) // 2)
        left = max(0, (inner.shape[1] - width) // 2)
        return np.ascontiguousarray(inner[top : top + height, left : left + width])
    scale = min(scales)
    inner = resize(pixels, max(1, round(wide * scale)), max(1, round(high * scale)))
    inner = inner[:height, :width]
    result = np.empty((height, width, 3), np.uint8)
    result[:] = border_colour(pixels)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    result[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return result


def border_colour(pixels: Pixels) -> Pixels:
    """The median of the outermost rows and columns, by channel, (3,)."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.median(border, axis=0).astype(np.uint8)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """To width x height in the way that suits what is in it.

    Labels take the nearest pixel; black and white stays black and white, and lines one pixel wide
    stay so; everything else shrinks by area and grows by Lanczos.
    """
    high, wide = pixels.shape[:2]
    if (wide, high) == (width, height):
        return pixels
    colours = few_colours(pixels)
    if colours is not None and len(colours) > 2:
        return _plainly(pixels, width, height, cv2.INTER_NEAREST)
    smaller = width * height < wide * high
    if colours is None or not is_black_and_white(colours):
        return _plainly(pixels, width, height, cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4)
    if smaller:
        return _shrunk_lines(pixels, width, height)
    large = _plainly(pixels, width, height, cv2.INTER_CUBIC)
    if is_thin(pixels):
        return np.repeat(thinned(large[..., 0])[..., None], 3, axis=2)
    return np.where(large > HALF, 255, 0).astype(np.uint8)


def smoothly(pixels: Pixels, width: int, height: int) -> Pixels:
    """To width x height: by area where it shrinks, straight between pixels where it grows."""
    smaller = width * height < pixels.shape[0] * pixels.shape[1]
    return _plainly(pixels, width, height, cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _plainly(pixels: Pixels, width: int, height: int, way: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def _shrunk_lines(pixels: Pixels, width: int, height: int) -> Pixels:
    """Black and white, smaller: a thin line that covers less than half a pixel is still a line."""
    small = _plainly(pixels, width, height, cv2.INTER_AREA)
    if not is_thin(pixels):
        return np.where(small > HALF, 255, 0).astype(np.uint8)
    share = width * height / (pixels.shape[0] * pixels.shape[1])
    return np.where(small > HALF * share**0.5, 255, 0).astype(np.uint8)


def few_colours(pixels: Pixels) -> Pixels | None:
    """The colours (n, 3) in ascending order if there are fewer than 200, else None."""
    codes = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    found = np.unique(codes)
    if len(found) >= FEW_COLOURS:
        return None
    return np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)


def is_black_and_white(colours: Pixels) -> bool:
    """Whether there is nothing but pure black and pure white, both of them."""
    return colours.tolist() == [[0, 0, 0], [255, 255, 255]]


def is_thin(pixels: Pixels) -> bool:
    """Whether no white place is three pixels wide and high, and something is white."""
    white = np.asarray(pixels[..., 0] > HALF, np.uint8)
    return bool(white.any()) and not cv2.erode(white, np.ones((3, 3), np.uint8)).any()


LINES = tuple(
    np.array(kernel, np.uint8)
    for kernel in (
        [[0, 0, 0], [1, 1, 1], [0, 0, 0]],
        [[0, 1, 0], [0, 1, 0], [0, 1, 0]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    )
)
"""The four directions in which a pixel can be the highest of three."""


def thinned(levels: Pixels, blur: float = 1.0, least: float = HALF / 2) -> Pixels:
    """Ridges of a picture (H, W) as lines about one pixel wide, 0 or 255.

    A pixel stays if it is the highest of three in some direction, and over `least` once blurred.
    """
    soft = cv2.GaussianBlur(levels.astype(np.float32), (0, 0), blur)
    ridge = np.zeros_like(soft)
    for line in LINES:
        highest = (cv2.dilate(soft, line) == soft) & (cv2.erode(soft, line) < soft)
        np.putmask(ridge, highest, soft)
    return np.where(ridge > least, 255, 0).astype(np.uint8)
