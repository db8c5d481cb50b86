"""Where the things of a scene stand: places, sizes, and who covers whom."""

from dataclasses import dataclass
from random import Random

from modules.training.world.scene import Scene
from modules.training.world.things import THING_BY_NAME

ONE_SIZE = (0.5, 0.64)
TWO_SIZE = (0.39, 0.45)
THREE_SIZE = (0.28, 0.31)
GRID_SIZE = (0.34, 0.38)
SCALES = {"": 1.0, "small": 0.6, "big": 1.26}
BIG_OF_TWO = 1.12
"""Two things have less room."""


@dataclass(frozen=True)
class Placed:
    """A thing's box in pixels: its middle, half its side, and the height of its foot."""

    index: int
    x: float
    y: float
    half: float
    foot: float


def _rows(scene: Scene, rng: Random) -> list[tuple[float, float, float]]:
    """(x, y, size) of each item as shares of a square's side; y is the middle of its box."""
    count = len(scene.items)
    low, high = (ONE_SIZE, TWO_SIZE, THREE_SIZE, GRID_SIZE)[count - 1]
    size = rng.uniform(low, high)
    places = []
    for index in range(count):
        if scene.arrangement == "grid":
            places.append(_in_grid(index, size, rng))
            continue
        along = (0.5, 0.27 + 0.46 * index, 0.18 + 0.32 * index)[count - 1]
        wobble = (0.06, 0.02, 0.01)[count - 1]
        along += rng.uniform(-wobble, wobble)
        across = 0.5 + rng.uniform(-0.06, 0.06)
        x, y = (along, across) if scene.arrangement == "row" else (across, along)
        places.append((x, y, size * _scale(scene, index)))
    return places


def _in_grid(index: int, size: float, rng: Random) -> tuple[float, float, float]:
    row, column = divmod(index, 2)
    x = 0.28 + 0.44 * column + rng.uniform(-0.02, 0.02)
    return x, 0.28 + 0.44 * row + rng.uniform(-0.02, 0.02), size


def _scale(scene: Scene, index: int) -> float:
    size = scene.items[index].size
    return BIG_OF_TWO if size == "big" and len(scene.items) > 1 else SCALES[size]


def _together(scene: Scene, side: float, middle: float, foot: float, rng: Random) -> list[Placed]:
    """Two things that touch: one before, on or in the other. Those behind come first."""
    front, back = (THING_BY_NAME[item.thing] for item in scene.items)
    x = middle + rng.uniform(-0.03, 0.03) * side
    if scene.arrangement == "behind":
        near, far = 0.2 * side, 0.27 * side
        apart = rng.choice((-1, 1)) * rng.uniform(0.12, 0.15) * side
        raised = foot - 0.12 * side
        return [
            Placed(1, x + apart, raised - back.bottom * far, far, raised),
            Placed(0, x - apart, foot - front.bottom * near, near, foot),
        ]
    if scene.arrangement == "on":
        lower, upper = 0.25 * side, 0.18 * side
        y = foot - back.bottom * lower
        stand = y + (back.top or 0.0) * lower
        return [
            Placed(1, x, y, lower, foot),
            Placed(0, x, stand - front.bottom * upper, upper, stand),
        ]
    lower, upper = 0.3 * side, 0.2 * side
    y = foot - back.bottom * lower
    rim = y + (back.rim or (0.0, 0.0, 0.0))[0] * lower
    return [Placed(1, x, y, lower, foot), Placed(0, x, rim - 0.45 * upper, upper, rim)]


def places(scene: Scene, wide: int, high: int, rng: Random) -> list[Placed]:
    """The boxes of a scene's things in a picture of wide x high pixels, in the order of drawing."""
    side = min(wide, high)
    foot = rng.uniform(0.84, 0.9) * high
    if scene.arrangement in ("behind", "on", "in"):
        if not scene.backdrop.ground:
            foot = 0.5 * high + rng.uniform(0.3, 0.36) * side
        return _together(scene, side, wide / 2, foot, rng)
    found = []
    for index, (x, y, size) in enumerate(_rows(scene, rng)):
        half = size * side / 2
        centre_x = wide / 2 + (x - 0.5) * (wide if len(scene.items) > 1 else side)
        centre_y = high / 2 + (y - 0.5) * (high if scene.arrangement == "stack" else side)
        stand = foot
        if scene.backdrop.ground:
            if scene.arrangement == "grid":
                stand = (foot + 0.05 * high) if index > 1 else foot - 0.34 * high
            centre_y = stand - THING_BY_NAME[scene.items[index].thing].bottom * half
        found.append(Placed(index, centre_x, centre_y, half, stand))
    return found
