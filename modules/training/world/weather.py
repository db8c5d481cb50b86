"""Rain, snowfall, clouds and rainbows, drawn behind the things."""

from random import Random

from PIL import Image, ImageDraw

from modules.training.world.colours import RGB, tinted

Light = tuple[float, float, float]

RAIN: RGB = (150, 196, 246)
RAINBOW: tuple[RGB, ...] = (
    (226, 52, 52),
    (246, 150, 40),
    (252, 222, 70),
    (70, 180, 90),
    (56, 118, 222),
    (140, 70, 190),
)


def draw_weather(
    picture: Image.Image, weather: str, light: Light, horizon: int, rng: Random
) -> None:
    """Draw the named weather into an empty scene; `horizon` is where the sky ends, in pixels."""
    draw = ImageDraw.Draw(picture)
    unit = min(picture.size) / 128
    if weather == "rain":
        _rain(draw, picture.size, unit, rng)
    elif weather == "snowfall":
        _snowfall(draw, picture.size, unit, rng)
    elif weather == "clouds":
        _clouds(draw, picture.width, horizon, light, rng)
    else:
        _rainbow(draw, picture.width, horizon, unit, rng)


def _rain(draw: ImageDraw.ImageDraw, size: tuple[int, int], unit: float, rng: Random) -> None:
    """Slanting streaks all over, in staggered rows."""
    width, height = size
    for row in range(round(height / (22 * unit)) + 1):
        for column in range(-1, round(width / (18 * unit)) + 1):
            x = (18 * (column + 0.5 * (row % 2)) + rng.uniform(-4, 4)) * unit
            y = (22 * row + rng.uniform(-4, 4)) * unit
            draw.line((x, y, x - 5 * unit, y + 14 * unit), fill=RAIN, width=round(3.4 * unit))


def _snowfall(draw: ImageDraw.ImageDraw, size: tuple[int, int], unit: float, rng: Random) -> None:
    """Large white flakes all over, in staggered rows."""
    width, height = size
    for row in range(round(height / (21 * unit)) + 1):
        for column in range(-1, round(width / (21 * unit)) + 1):
            x = (21 * (column + 0.5 * (row % 2)) + rng.uniform(-5, 5)) * unit
            y = (21 * row + rng.uniform(-5, 5)) * unit
            reach = rng.uniform(3.4, 4.6) * unit
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(255, 255, 255))


def _clouds(draw: ImageDraw.ImageDraw, width: int, horizon: int, light: Light, rng: Random) -> None:
    """Two or three white clouds, each of three lobes on a flat foot."""
    fill = tinted((252, 252, 255), light)
    for part in range(3):
        x = width * (0.14 + 0.36 * part + rng.uniform(-0.06, 0.06))
        y = horizon * rng.uniform(0.2, 0.42)
        reach = width * rng.uniform(0.085, 0.11)
        for side, lift, share in ((-1.0, 0.1, 0.72), (0.0, -0.36, 1.0), (1.0, 0.06, 0.78)):
            size = reach * share
            at = (x + side * reach, y + lift * reach)
            draw.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=fill)
        draw.rectangle((x - reach, y, x + reach, y + 0.82 * reach), fill=fill)


def _rainbow(draw: ImageDraw.ImageDraw, width: int, horizon: int, unit: float, rng: Random) -> None:
    """An arc of six colours from side to side of the horizon."""
    middle = width * rng.uniform(0.42, 0.58)
    band = 4.2 * unit
    for number, colour in enumerate(RAINBOW):
        reach = horizon * 0.92 - number * band
        edges = (middle - reach, horizon - reach, middle + reach, horizon + reach)
        draw.arc(edges, 180, 360, fill=colour, width=round(band) + 1)
