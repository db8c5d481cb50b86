"""What lies behind the things: a plain colour, or a sky over a ground."""

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from modules.training.world.colours import COLOUR_BY_NAME, RGB, blend, shade, tinted
from modules.training.world.weather import draw_weather

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
    """A ground: its colour near and far, phrases for it, and colours of what lies on it."""

    name: str
    rgb: RGB
    far: RGB
    phrases: tuple[str, ...]
    tags: tuple[str, ...]
    strewn: tuple[RGB, ...] = ()


@dataclass(frozen=True)
class Weather:
    """What falls or stands in the sky, with phrases for it and the skies it goes with."""

    name: str
    phrases: tuple[str, ...]
    tags: tuple[str, ...]
    skies: tuple[str, ...]


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
    Sky(
        "dawn",
        ((232, 150, 196), (252, 200, 206), (255, 240, 214)),
        (1.0, 0.96, 0.96),
        ("at dawn", "at sunrise", "under a pink sky", "in the early morning"),
        ("dawn", "sunrise", "early morning"),
    ),
    Sky(
        "aurora",
        ((6, 20, 52), (30, 176, 124), (16, 60, 92)),
        (0.78, 0.86, 0.88),
        ("under the northern lights", "under an aurora", "below the polar lights"),
        ("northern lights", "aurora"),
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
    Ground(
        "beach",
        (246, 220, 160),
        (60, 168, 206),
        ("on the beach", "on the beach in summer", "at the seaside"),
        ("beach", "summer"),
    ),
    Ground(
        "leaves",
        (196, 116, 44),
        (150, 92, 48),
        ("on fallen leaves", "in autumn", "on autumn leaves"),
        ("autumn", "fallen leaves"),
        ((222, 70, 40), (246, 190, 60)),
    ),
    Ground(
        "flowers",
        (128, 200, 84),
        (104, 178, 84),
        ("in a field of flowers", "among flowers", "in spring"),
        ("spring", "field of flowers"),
        ((250, 250, 250), (244, 120, 170), (252, 214, 60)),
    ),
    Ground(
        "street",
        (104, 106, 114),
        (150, 148, 150),
        ("on the street", "on a road", "on the asphalt"),
        ("street", "road"),
        ((240, 240, 236),),
    ),
)

WEATHERS: tuple[Weather, ...] = (
    Weather(
        "rain",
        ("in the rain", "on a rainy day", "while it rains"),
        ("rain", "rainy"),
        ("day", "sunset", "night", "overcast", "dawn"),
    ),
    Weather(
        "snowfall",
        ("while it snows", "with snowflakes falling", "in falling snow"),
        ("snowfall", "snowflakes"),
        ("day", "sunset", "night", "overcast", "dawn"),
    ),
    Weather(
        "clouds",
        ("with white clouds", "with big clouds in the sky", "under white clouds"),
        ("white clouds", "clouds"),
        ("day", "sunset", "night", "dawn"),
    ),
    Weather(
        "rainbow",
        ("with a rainbow", "under a rainbow", "with a rainbow in the sky"),
        ("rainbow",),
        ("day", "overcast", "dawn"),
    ),
)

WEATHER_BY_NAME: dict[str, Weather] = {weather.name: weather for weather in WEATHERS}
SKY_BY_NAME: dict[str, Sky] = {sky.name: sky for sky in SKIES}
GROUND_BY_NAME: dict[str, Ground] = {ground.name: ground for ground in GROUNDS}


@dataclass(frozen=True)
class Backdrop:
    """Either a plain colour (`plain`) or outdoors (`sky` and `ground`); names from the tables.

    Outdoors there may be `weather` behind the things.
    """

    plain: str = ""
    sky: str = ""
    ground: str = ""
    weather: str = ""

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
    if ground.strewn:
        _strew(draw, backdrop, (width, height), rng)
    if backdrop.weather:
        draw_weather(picture, backdrop.weather, sky.light, horizon, rng)
    return picture


def _strew(
    draw: ImageDraw.ImageDraw, backdrop: Backdrop, size: tuple[int, int], rng: Random
) -> None:
    """Leaves, flowers or road marks on the near ground; `size` is the picture's."""
    width, height = size
    ground, light = GROUND_BY_NAME[backdrop.ground], SKY_BY_NAME[backdrop.sky].light
    unit = min(width, height) / 128
    if ground.name == "street":
        fill = tinted(ground.strewn[0], light)
        start = rng.uniform(-20, 0) * unit
        while start < width:
            draw.rectangle((start, 116 / 128 * height, start + 22 * unit, 122 / 128 * height), fill)
            start += 40 * unit
        return
    for row, y in enumerate((0.82, 0.89, 0.96)):
        across = 20 * unit
        for column in range(-1, round(width / across) + 1):
            x = (column + 0.5 * (row % 2) + rng.uniform(-0.3, 0.3)) * across
            at = y * height + rng.uniform(-3, 3) * unit
            reach = rng.uniform(3, 4.4) * unit
            fill = tinted(rng.choice(ground.strewn), light)
            draw.ellipse((x - reach, at - 0.8 * reach, x + reach, at + 0.8 * reach), fill)
