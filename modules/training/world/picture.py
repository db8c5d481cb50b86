"""A scene's picture: drawn at twice the size with Pillow, then averaged down."""

from random import Random

from PIL import Image, ImageDraw

from modules.training.world.backdrops import draw_backdrop
from modules.training.world.colours import COLOUR_BY_NAME, shade, tinted
from modules.training.world.pen import Pen
from modules.training.world.scene import Scene
from modules.training.world.things import THING_BY_NAME

SUPERSAMPLE = 2
ONE_SIZE = (0.5, 0.64)
TWO_SIZE = (0.39, 0.45)
THREE_SIZE = (0.28, 0.31)


def _places(scene: Scene, rng: Random) -> list[tuple[float, float, float]]:
    """(x, y, size) of each item as shares of a square's side; y is the middle of its box."""
    count = len(scene.items)
    low, high = (ONE_SIZE, TWO_SIZE, THREE_SIZE)[count - 1]
    size = rng.uniform(low, high)
    places = []
    for index in range(count):
        along = (0.5, 0.27 + 0.46 * index, 0.18 + 0.32 * index)[count - 1]
        wobble = (0.06, 0.02, 0.01)[count - 1]
        along += rng.uniform(-wobble, wobble)
        across = 0.5 + rng.uniform(-0.06, 0.06)
        x, y = (along, across) if scene.arrangement == "row" else (across, along)
        places.append((x, y, size))
    return places


def draw_scene(scene: Scene, width: int = 128, height: int = 128) -> Image.Image:
    """The picture of a scene (RGB, width x height pixels). The same scene, the same pixels."""
    rng = Random(scene.seed)
    wide, high = width * SUPERSAMPLE, height * SUPERSAMPLE
    side = min(wide, high)
    picture = draw_backdrop(scene.backdrop, wide, high, rng)
    draw = ImageDraw.Draw(picture)
    foot = rng.uniform(0.84, 0.9) * high
    for item, (x, y, size) in zip(scene.items, _places(scene, rng), strict=True):
        thing = THING_BY_NAME[item.thing]
        half = size * side / 2
        centre_x = wide / 2 + (x - 0.5) * (wide if len(scene.items) > 1 else side)
        centre_y = high / 2 + (y - 0.5) * (high if scene.arrangement == "stack" else side)
        if scene.backdrop.ground:
            centre_y = foot - thing.bottom * half
            shadow = tinted(picture.getpixel((round(centre_x), round(foot))), (0.72, 0.72, 0.76))  # type: ignore[arg-type]
            draw.ellipse(
                (centre_x - half, foot - half * 0.12, centre_x + half, foot + half * 0.14),
                fill=shadow,
            )
        colour = shade(COLOUR_BY_NAME[item.colour].rgb, rng.uniform(0.94, 1.04))
        thing.draw(Pen(draw, (centre_x, centre_y), half, scene.backdrop.light), colour)
    return picture.reduce(SUPERSAMPLE)
