"""How far a picture grows to each side when it is outpainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from modules.errors import InvalidRequest

LEFT, RIGHT, UP, DOWN = DIRECTIONS = ("left", "right", "up", "down")
CELL = 64
"""Sides of an outpainted picture are multiples of this."""
MOST_SIDE = 16_384


@dataclass(frozen=True)
class Growth:
    """Pixels added at each side, and the size that this leads to."""

    left: int
    right: int
    up: int
    down: int
    width: int
    height: int


def growth(size: tuple[int, int], pixels: int, directions: Sequence[str]) -> Growth:
    """Grow a picture of `size` by `pixels` in the directions, up to whole multiples of 64.

    What rounding adds is shared between opposite sides; a side without growth stays as it is.
    Raises InvalidRequest.
    """
    if not directions:
        raise InvalidRequest("The picture grows in no direction.", "Choose at least one.")
    wanted = {side: pixels if side in directions else 0 for side in DIRECTIONS}
    width, left, right = _shared(size[0], wanted[LEFT], wanted[RIGHT])
    height, up, down = _shared(size[1], wanted[UP], wanted[DOWN])
    if max(width, height) > MOST_SIDE:
        raise InvalidRequest(
            f"The picture would grow to {width}x{height} pixels, but {MOST_SIDE} are the most."
        )
    return Growth(left, right, up, down, width, height)


def _shared(side: int, before: int, after: int) -> tuple[int, int, int]:
    """The new side, and the shares of what is added before and after."""
    if not (before or after):
        return side, 0, 0
    target = ceil((side + before + after) / CELL) * CELL
    if before:
        before = before * (target - side) // (before + after)
    if after:
        after = target - side - before
    return target, before, after
