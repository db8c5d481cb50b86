"""The part of a picture worth keeping: around faces, corners and where most is to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from modules.param import param
from modules.pipeline.resize import Picture

LOOKED_AT = 256
"""Pixels of the longer side of the small copy that is searched."""
REACH = 2
"""Pixels around a place that count for how much of a corner it is."""
CORNERS = 100
QUALITY = 0.05
"""Corners weaker than this part of the strongest do not count."""
LEVELS = 32
"""Shades of grey that are told apart."""
PLACES = 24
"""Places of the window that are compared."""

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class FocalCrop:
    """A crop of a wished size around what matters."""

    width: int = param(512, "Width", minimum=64, maximum=8192, step=8)
    height: int = param(512, "Height", minimum=64, maximum=8192, step=8)
    faces: float = param(
        0.9,
        "Weight of faces",
        minimum=0,
        maximum=1,
        step=0.05,
        help="Counts where something finds faces: a detector in models/GFPGAN.",
    )
    entropy: float = param(0.15, "Weight of entropy", minimum=0, maximum=1, step=0.05)
    edges: float = param(0.5, "Weight of edges", minimum=0, maximum=1, step=0.05)
    debug: bool = param(
        False, "Picture with the places", help="Also keep the picture with what was found drawn in."
    )


@dataclass(frozen=True)
class Focus:
    """What was found, in pixels of the picture."""

    faces: Point | None
    entropy: Point | None
    edges: Point | None
    middle: Point
    """The mean of those, by their weights; without any the picture's middle."""


def focus_of(picture: Picture, wish: FocalCrop, faces: Sequence[Box]) -> Focus:
    """Look for what matters in a picture; `faces` are boxes, likeliest first."""
    factor = min(1.0, LOOKED_AT / max(picture.size))
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    grey = np.asarray(picture.convert("L").resize(size, Image.Resampling.BOX), np.float64)
    scale = picture.width / size[0], picture.height / size[1]

    def large(point: Point | None) -> Point | None:
        return None if point is None else (point[0] * scale[0], point[1] * scale[1])

    found = (
        (middle_of_faces(faces) if wish.faces else None, wish.faces),
        (large(busiest(grey, wish.width / wish.height)) if wish.entropy else None, wish.entropy),
        (large(middle_of_corners(grey)) if wish.edges else None, wish.edges),
    )
    there = [(point, weight) for point, weight in found if point is not None]
    whole = sum(weight for _, weight in there)
    middle = picture.width / 2, picture.height / 2
    if whole:
        middle = (
            sum(point[0] * weight for point, weight in there) / whole,
            sum(point[1] * weight for point, weight in there) / whole,
        )
    return Focus(found[0][0], found[1][0], found[2][0], middle)


def middle_of_faces(faces: Sequence[Box]) -> Point | None:
    """The mean middle of faces; larger ones count for more."""
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in faces]
    whole = sum(areas)
    if not faces or whole <= 0:
        return None
    across = sum((box[0] + box[2]) / 2 * area for box, area in zip(faces, areas, strict=True))
    down = sum((box[1] + box[3]) / 2 * area for box, area in zip(faces, areas, strict=True))
    return across / whole, down / whole


def middle_of_corners(grey: np.ndarray) -> Point | None:
    """The mean of the strongest corners of (height, width) (Shi & Tomasi 1994), if any."""
    if min(grey.shape) < 2 * REACH + 2:
        return None
    down, across = np.gradient(grey)
    xx, yy, xy = (around(one) for one in (across * across, down * down, across * down))
    strength = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    best = float(strength.max())
    if best <= 1e-6:
        return None
    order = np.argsort(strength, axis=None)[::-1][:CORNERS]
    kept = [at for at in order if strength.flat[at] >= QUALITY * best]
    rows, columns = np.unravel_index(kept, strength.shape)
    return float(columns.mean() + 0.5), float(rows.mean() + 0.5)


def around(values: np.ndarray) -> np.ndarray:
    """Sums over the surroundings of each place, (height, width) to the same."""
    padded = np.pad(values, ((REACH + 1, REACH), (REACH + 1, REACH)))
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    side = 2 * REACH + 1
    found: np.ndarray = (
        sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    )
    return found


def busiest(grey: np.ndarray, shape: float) -> Point:
    """The middle of the window of a shape (width to height) whose greys tell most.

    The window is as large as fits; of windows that tell as much the one nearest the middle wins.
    """
    height, width = grey.shape
    wide, high = min(width, max(1, round(height * shape))), height
    if wide == width:
        high = min(height, max(1, round(width / shape)))
    across, down = width - wide, height - high
    best = (-1.0, 0.0, (width / 2, height / 2))
    for place in range(PLACES + 1):
        left, top = round(across * place / PLACES), round(down * place / PLACES)
        told = entropy(grey[top : top + high, left : left + wide])
        merit = (round(told, 6), -abs(place - PLACES / 2))
        if merit > best[:2]:
            best = (*merit, (left + wide / 2, top + high / 2))
    return best[2]


def entropy(grey: np.ndarray) -> float:
    """How much the shades of (height, width) tell, in bits a pixel (Shannon 1948)."""
    counts = np.bincount((grey.ravel() * LEVELS / 256).astype(int).clip(0, LEVELS - 1))
    shares = counts[counts > 0] / grey.size
    return float(-(shares * np.log2(shares)).sum())


def around_focus(picture: Picture, wish: FocalCrop, focus: Focus) -> Picture:
    """The wished size out of a picture that just covers it, as close to the focus as can be."""
    factor = max(wish.width / picture.width, wish.height / picture.height)
    size = (
        max(wish.width, round(picture.width * factor)),
        max(wish.height, round(picture.height * factor)),
    )
    covering = picture.resize(size, Image.Resampling.LANCZOS)
    left = round(focus.middle[0] * size[0] / picture.width - wish.width / 2)
    top = round(focus.middle[1] * size[1] / picture.height - wish.height / 2)
    left = min(max(left, 0), size[0] - wish.width)
    top = min(max(top, 0), size[1] - wish.height)
    return covering.crop((left, top, left + wish.width, top + wish.height))


def with_places(picture: Picture, focus: Focus, faces: Sequence[Box]) -> Picture:
    """A copy with faces (red), corners (green), what tells most (blue) and the middle (white)."""
    shown = picture.convert("RGB")
    pen = ImageDraw.Draw(shown)
    radius = max(3, min(picture.size) // 40)
    for box in faces:
        pen.rectangle(box, outline=(255, 0, 0), width=max(1, radius // 3))
    places = (
        (focus.faces, (255, 0, 0)),
        (focus.edges, (0, 255, 0)),
        (focus.entropy, (0, 0, 255)),
        (focus.middle, (255, 255, 255)),
    )
    for point, colour in places:
        if point is not None:
            x, y = point
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return shown
