"""A scene's picture: drawn at twice the size with Pillow, then averaged down."""

from random import Random

from PIL import Image, ImageChops, ImageDraw

from modules.training.world.backdrops import draw_backdrop
from modules.training.world.colours import COLOUR_BY_NAME, RGB, TONES, shade, tinted
from modules.training.world.layout import Placed, places
from modules.training.world.materials import lay_pattern
from modules.training.world.pen import Pen
from modules.training.world.scene import Item, Scene
from modules.training.world.styles import in_style
from modules.training.world.things import THING_BY_NAME

SUPERSAMPLE = 2
SHADE = (0.72, 0.72, 0.76)


def _colour(item: Item, rng: Random) -> RGB:
    """The item's colour, light or dark if it is so, and varied a little."""
    rgb = COLOUR_BY_NAME[item.colour].rgb
    if item.tone:
        rgb = shade(rgb, TONES[item.tone])
    return shade(rgb, rng.uniform(0.94, 1.04))


def _shadow(picture: Image.Image, at: Placed) -> None:
    """A flat shadow where the thing stands on the ground."""
    draw, half = ImageDraw.Draw(picture), at.half
    below = picture.getpixel((round(at.x), min(round(at.foot), picture.height - 1)))
    edges = (at.x - half, at.foot - half * 0.12, at.x + half, at.foot + half * 0.14)
    draw.ellipse(edges, fill=tinted(below, SHADE))  # type: ignore[arg-type]


def _thing(picture: Image.Image, scene: Scene, at: Placed, colour: RGB) -> None:
    """One thing with its pattern."""
    item, light = scene.items[at.index], scene.backdrop.light
    draw = THING_BY_NAME[item.thing].draw
    draw(Pen(ImageDraw.Draw(picture), (at.x, at.y), at.half, light), colour)
    if item.pattern:
        bare = Image.new("RGB", picture.size, (1, 2, 3))
        draw(Pen(ImageDraw.Draw(bare), (at.x, at.y), at.half), colour)
        lay_pattern(picture, bare, item.pattern, colour, light, (at.x, at.y), at.half)


def _front(before: Image.Image, after: Image.Image, scene: Scene, at: Placed) -> Image.Image:
    """Where (L, 255) a container that was just drawn covers what is in it: below its rim."""
    rim = THING_BY_NAME[scene.items[at.index].thing].rim
    assert rim is not None
    mask = ImageChops.difference(before, after).convert("L").point(lambda level: 255 * (level > 0))
    y, rx, ry = (value * at.half for value in rim)
    draw = ImageDraw.Draw(mask)
    draw.rectangle((0, 0, mask.width, at.y + y), fill=0)
    draw.ellipse((at.x - rx, at.y + y - ry, at.x + rx, at.y + y + ry), fill=0)
    return mask


def draw_scene(scene: Scene, width: int = 128, height: int = 128) -> Image.Image:
    """The picture of a scene (RGB, width x height pixels). The same scene, the same pixels."""
    rng = Random(scene.seed)
    wide, high = width * SUPERSAMPLE, height * SUPERSAMPLE
    picture = draw_backdrop(scene.backdrop, wide, high, rng)
    standing = places(scene, wide, high, rng)
    covered: tuple[Image.Image, Image.Image] | None = None
    for at in standing:
        inside = scene.arrangement in ("on", "in") and at.index == 0
        if scene.backdrop.ground and not inside:
            _shadow(picture, at)
        colour = _colour(scene.items[at.index], rng)
        before = picture.copy() if scene.arrangement == "in" and at.index == 1 else None
        _thing(picture, scene, at, colour)
        if before is not None:
            after = picture.copy()
            covered = after, _front(before, after, scene, at)
    if covered is not None:
        picture.paste(*covered[:1], mask=covered[1])
    if scene.style:
        picture = in_style(picture, scene.style, rng)
    return picture.reduce(SUPERSAMPLE)
