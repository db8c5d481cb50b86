"""A pen that draws shapes in a box of its own: x and y run from -1 to 1, y downwards."""

from collections.abc import Iterable

from PIL import ImageDraw

from modules.training.world.colours import RGB, tinted

Point = tuple[float, float]


class Pen:
    """Draws on a picture inside a square box, under a light that tints every colour.

    Args:
        draw: where to draw.
        centre: the box's middle in pixels.
        half: half of the box's side in pixels.
        light: factors for red, green and blue.
    """

    def __init__(
        self,
        draw: ImageDraw.ImageDraw,
        centre: Point,
        half: float,
        light: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self._draw = draw
        self._x, self._y = centre
        self._half = half
        self._light = light

    def _at(self, point: Point) -> Point:
        return self._x + point[0] * self._half, self._y + point[1] * self._half

    def polygon(self, points: Iterable[Point], fill: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon([self._at(point) for point in points], fill=tinted(fill, self._light))

    def ellipse(self, centre: Point, rx: float, ry: float, fill: RGB) -> None:
        """A filled ellipse with its radii."""
        left, top = self._at((centre[0] - rx, centre[1] - ry))
        right, bottom = self._at((centre[0] + rx, centre[1] + ry))
        self._draw.ellipse((left, top, right, bottom), fill=tinted(fill, self._light))

    def half_ellipse(self, centre: Point, rx: float, ry: float, fill: RGB) -> None:
        """The upper half of a filled ellipse; `centre` is the middle of its flat side."""
        left, top = self._at((centre[0] - rx, centre[1] - ry))
        right, bottom = self._at((centre[0] + rx, centre[1] + ry))
        self._draw.pieslice((left, top, right, bottom), 180, 360, fill=tinted(fill, self._light))

    def lower_half(self, centre: Point, rx: float, ry: float, fill: RGB) -> None:
        """The lower half of a filled ellipse; `centre` is the middle of its flat side."""
        left, top = self._at((centre[0] - rx, centre[1] - ry))
        right, bottom = self._at((centre[0] + rx, centre[1] + ry))
        self._draw.pieslice((left, top, right, bottom), 0, 180, fill=tinted(fill, self._light))

    def arc(self, centre: Point, rx: float, ry: float, width: float, fill: RGB) -> None:
        """The upper half of an ellipse as a line; the width is in units of the box."""
        left, top = self._at((centre[0] - rx, centre[1] - ry))
        right, bottom = self._at((centre[0] + rx, centre[1] + ry))
        thick = max(1, round(width * self._half))
        edges = (left, top, right, bottom)
        self._draw.arc(edges, 180, 360, fill=tinted(fill, self._light), width=thick)

    def box(self, left: float, top: float, right: float, bottom: float, fill: RGB) -> None:
        """A filled rectangle."""
        corners = (*self._at((left, top)), *self._at((right, bottom)))
        self._draw.rectangle(corners, fill=tinted(fill, self._light))

    def line(self, points: Iterable[Point], width: float, fill: RGB) -> None:
        """A line through the points; the width is in units of the box."""
        self._draw.line(
            [self._at(point) for point in points],
            fill=tinted(fill, self._light),
            width=max(1, round(width * self._half)),
            joint="curve",
        )
