"""What lies behind the things: a plain colour, or a sky over a ground."""

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from modules.training.world.colours import COLOUR_BY_NAME, RGB, blend, shade, tinted

Light = tuple[float, float, float]


@dataclass(frozen=True)
class Sky:
    """A sky or time of day: its colours from top to horizon, its light, and phrases for it."""

    name: str
    bands: tuple[RGB, ...]
    light: Light
    phrases: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Ground:
    """A ground: its colour near and far, and phrases for it."""

    name: str
    rgb: RGB
    far: RGB
    phrases: tuple[str, ...]
    tags: tuple[str, ...]


SKIES: tuple[Sky, ...] = (
    Sky(
        "day",
        ((62, 132, 232), (150, 200, 250), (210, 232, 252)),
        (1.0, 1.0, 1.0),
        ("in daylight", "during the day", "under a blue sky", "on a sunny day"),
        ("daylight", "day", "blue sky"),
    ),
    Sky(
        "sunset",
        ((104, 56, 148), (224, 92, 120), (252, 178, 84)),
        (1.0, 0.9, 0.84),
        ("at sunset", "at dusk", "under an orange sky", "in the evening"),
        ("sunset", "dusk", "evening"),
    ),
    Sky(
        "night",
        ((8, 12, 44), (24, 34, 92), (54, 68, 138)),
        (0.74, 0.76, 0.9),
        ("at night", "under a dark sky", "at midnight", "in the dark of night"),
        ("night", "night sky", "dark"),
    ),
    Sky(
        "overcast",
        ((112, 118, 128), (150, 156, 164), (188, 192, 198)),
        (0.9, 0.91, 0.94),
        ("under grey clouds", "on a cloudy day", "in dull weather"),
        ("overcast", "cloudy", "grey sky"),
    ),
)

GROUNDS: tuple[Ground, ...] = (
    Ground(
        "grass",
        (92, 178, 72),
        (70, 150, 66),
        ("on the grass", "on grass", "in a meadow", "on a green field"),
        ("grass", "meadow"),
    ),
    Ground(
        "desert",
        (236, 198, 126),
        (218, 172, 100),
        ("in the desert", "on the sand", "on sand"),
        ("desert", "sand"),
    ),
    Ground(
        "snow",
        (244, 248, 252),
        (214, 226, 240),
        ("in the snow", "on snow", "on a snowy field"),
        ("snow", "winter"),
    ),
    Ground(
        "sea",
        (34, 112, 178),
        (24, 86, 148),
        ("on the sea", "on the water", "by the sea"),
        ("sea", "water"),
    ),
)

SKY_BY_NAME: dict[str, Sky] = {sky.name: sky for sky in SKIES}
GROUND_BY_NAME: dict[str, Ground] = {ground.name: ground for ground in GROUNDS}


@dataclass(frozen=True)
class Backdrop:
    """Either a plain colour (`plain`) or outdoors (`sky` and `ground`); names from the tables."""

    plain: str = ""
    sky: str = ""
    ground: str = ""

    @property
    def light(self) -> Light:
        """The light that falls on the things in front of it."""
        return (1.0, 1.0, 1.0) if self.plain else SKY_BY_NAME[self.sky].light


def _gradient(bands: tuple[RGB, ...], width: int, height: int) -> Image.Image:
    """A vertical run through the colours of `bands`."""
    strip = Image.new("RGB", (1, 64))
    for row in range(64):
        position = row / 63 * (len(bands) - 1)
        band = min(int(position), len(bands) - 2)
        strip.putpixel((0, row), blend(bands[band], bands[band + 1], position - band))
    return strip.resize((width, height), Image.Resampling.BILINEAR)


def draw_backdrop(backdrop: Backdrop, width: int, height: int, rng: Random) -> Image.Image:
    """The empty scene in pixels; `rng` moves the horizon and varies the shades a little."""
    if backdrop.plain:
        rgb = COLOUR_BY_NAME[backdrop.plain].rgb
        return Image.new("RGB", (width, height), shade(rgb, rng.uniform(0.95, 1.03)))
    sky, ground = SKY_BY_NAME[backdrop.sky], GROUND_BY_NAME[backdrop.ground]
    horizon = round(height * rng.uniform(0.6, 0.68))
    picture = Image.new("RGB", (width, height), tinted(ground.rgb, sky.light))
    picture.paste(_gradient(sky.bands, width, horizon), (0, 0))
    draw = ImageDraw.Draw(picture)
    far = tinted(ground.far, sky.light)
    crest = width * rng.uniform(0.1, 0.9)
    reach = width * rng.uniform(0.7, 1.0)
    draw.rectangle((0, horizon, width, round(height * 0.8)), fill=far)
    near = tinted(ground.rgb, sky.light)
    top = height * rng.uniform(0.7, 0.76)
    draw.rectangle((0, round(height * 0.8), width, height), fill=near)
    draw.ellipse((crest - reach, top, crest + reach, height * 1.2), fill=near)
    return picture
