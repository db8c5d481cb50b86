"""Patterns on things: stripes, dots, and a shine; coarse enough for small pictures."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modules.training.world.colours import RGB, contrast, edge, glint, tinted

Floats = NDArray[np.float32]
STRIPE = 0.27
"""Width of a stripe, and of the gap to the next, in halves of the thing's box."""
DOT_APART = 0.5
DOT = 0.15


def lay_pattern(
    picture: Image.Image,
    bare: Image.Image,
    pattern: str,
    colour: RGB,
    light: tuple[float, float, float],
    centre: tuple[float, float],
    half: float,
) -> None:
    """Change the thing in `picture`; `bare` shows it alone, without light, at the same place.

    Only what has the thing's own colour (or its lit or shaded companion) gets the pattern. `centre`
    and `half` are its box in pixels.
    """
    box = (
        max(0, int(centre[0] - half)),
        max(0, int(centre[1] - half)),
        min(picture.width, int(centre[0] + half) + 2),
        min(picture.height, int(centre[1] + half) + 2),
    )
    shown = np.asarray(bare.crop(box))
    part: Floats = np.asarray(picture.crop(box), dtype=np.float32)
    own = np.zeros(shown.shape[:2], dtype=bool)
    for tone in (colour, edge(colour), glint(colour)):
        own |= (shown == np.array(tone, dtype=np.uint8)).all(axis=-1)
    y, x = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    across, down = (x - centre[0]) / half, (y - centre[1]) / half
    if pattern == "shiny":
        changed = _shine(part, across, down)
    else:
        covers = _stripes(across, down) if pattern == "striped" else _dots(across, down)
        paint = np.array(tinted(contrast(colour), light), dtype=np.float32)
        changed = np.where(covers[..., None], paint, part)
    result = np.where(own[..., None], changed, part).round().clip(0, 255).astype(np.uint8)
    picture.paste(Image.fromarray(result), box[:2])


def _stripes(across: Floats, down: Floats) -> NDArray[np.bool_]:
    """Slanting stripes."""
    along = (across + 0.35 * down) / STRIPE
    return np.floor(along).astype(int) % 2 == 1


def _dots(across: Floats, down: Floats) -> NDArray[np.bool_]:
    """Dots in staggered rows."""
    row = np.floor(down / DOT_APART + 0.5)
    shifted = across + (row % 2) * DOT_APART / 2
    dx = shifted - np.floor(shifted / DOT_APART + 0.5) * DOT_APART
    dy = down - row * DOT_APART
    return dx * dx + dy * dy < DOT * DOT


def _shine(part: Floats, across: Floats, down: Floats) -> Floats:
    """Brighter to the upper left, darker to the lower right, and two white bands of reflection."""
    slope = (across + down) / 2
    lit = part * (1 - 0.45 * slope.clip(0, 1))[..., None]
    lit = lit + (255 - lit) * (0.4 * (-slope).clip(0, 1))[..., None]
    band = (np.abs(slope + 0.22) < 0.09) | (np.abs(slope + 0.44) < 0.05)
    return np.where(band[..., None], lit + (255 - lit) * 0.85, lit).astype(np.float32)
