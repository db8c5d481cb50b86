"""Figures, animals and plants: how they are drawn, in the box [-1, 1] x [-1, 1] of a pen."""

from modules.training.world.colours import RGB, contrast, edge, glint
from modules.training.world.pen import Pen

SKIN: RGB = (244, 202, 164)
HAIR: RGB = (94, 58, 36)
DARK: RGB = (34, 32, 38)
PALE: RGB = (250, 246, 238)
BEAK: RGB = (246, 164, 36)
BARK: RGB = (118, 76, 46)


def _eyes(pen: Pen, y: float, apart: float, size: float = 0.08) -> None:
    for x in (-apart, apart):
        pen.ellipse((x, y), size, size * 1.15, DARK)


def draw_girl(pen: Pen, colour: RGB) -> None:
    """A girl in a wide dress of the colour, with long brown hair."""
    pen.ellipse((0, -0.58), 0.42, 0.42, HAIR)
    pen.box(-0.42, -0.58, 0.42, -0.2, HAIR)
    for x in (-0.22, 0.22):
        pen.box(x - 0.09, 0.6, x + 0.09, 0.98, SKIN)
    for side in (-1, 1):
        pen.line([(side * 0.2, -0.14), (side * 0.64, 0.26)], 0.16, SKIN)
    pen.polygon([(-0.22, -0.26), (0.22, -0.26), (0.72, 0.7), (-0.72, 0.7)], colour)
    pen.ellipse((0, -0.54), 0.3, 0.32, SKIN)
    pen.polygon([(-0.34, -0.6), (-0.2, -0.9), (0.2, -0.9), (0.34, -0.6), (0, -0.74)], HAIR)
    _eyes(pen, -0.52, 0.13, 0.06)


def draw_king(pen: Pen, colour: RGB) -> None:
    """A king: a robe of the colour down to the ground, a white beard and a golden crown."""
    pen.polygon([(-0.34, -0.26), (0.34, -0.26), (0.74, 0.98), (-0.74, 0.98)], colour)
    pen.box(-0.12, -0.1, 0.12, 0.98, PALE)
    for side in (-1, 1):
        pen.polygon([(side * 0.3, -0.24), (side * 0.8, 0.36), (side * 0.5, 0.5)], edge(colour))
    pen.ellipse((0, -0.42), 0.32, 0.34, SKIN)
    pen.polygon([(-0.32, -0.36), (0.32, -0.36), (0, 0.22)], PALE)
    _eyes(pen, -0.46, 0.14, 0.06)
    gold = (246, 196, 40)
    points = [(-0.36, -0.62), (-0.42, -1.0), (-0.18, -0.8), (0, -1.0), (0.18, -0.8), (0.42, -1.0)]
    pen.polygon([*points, (0.36, -0.62)], gold)


def draw_robot(pen: Pen, colour: RGB) -> None:
    """A robot: square head and body of the colour, grey arms and legs, yellow eyes."""
    steel = (150, 156, 168)
    pen.box(-0.05, -1.0, 0.05, -0.8, steel)
    pen.box(-0.86, -0.18, -0.56, 0.5, steel)
    pen.box(0.56, -0.18, 0.86, 0.5, steel)
    pen.box(-0.4, 0.6, -0.1, 0.98, steel)
    pen.box(0.1, 0.6, 0.4, 0.98, steel)
    pen.box(-0.44, -0.82, 0.44, -0.26, colour)
    pen.box(-0.56, -0.2, 0.56, 0.64, colour)
    pen.box(-0.32, 0.04, 0.32, 0.36, edge(colour))
    for x in (-0.2, 0.2):
        pen.ellipse((x, -0.56), 0.13, 0.13, (252, 228, 92))
        pen.ellipse((x, -0.56), 0.06, 0.06, DARK)


def draw_bird(pen: Pen, colour: RGB) -> None:
    """A bird from the side, looking to the left."""
    pen.line([(-0.06, 0.5), (-0.06, 0.96)], 0.08, BEAK)
    pen.line([(0.2, 0.5), (0.2, 0.96)], 0.08, BEAK)
    pen.polygon([(0.3, 0.1), (1.0, -0.3), (0.92, 0.24), (0.4, 0.46)], edge(colour))
    pen.ellipse((0.06, 0.14), 0.62, 0.48, colour)
    pen.ellipse((-0.42, -0.36), 0.38, 0.36, colour)
    pen.polygon([(-0.74, -0.5), (-1.0, -0.3), (-0.72, -0.18)], BEAK)
    pen.ellipse((-0.5, -0.42), 0.12, 0.12, PALE)
    pen.ellipse((-0.52, -0.42), 0.07, 0.07, DARK)
    pen.polygon([(-0.16, -0.06), (0.62, 0.0), (0.2, 0.44)], edge(colour))


def draw_butterfly(pen: Pen, colour: RGB) -> None:
    """A butterfly from above: four wings with spots."""
    spot = contrast(colour)
    for side in (-1, 1):
        pen.ellipse((side * 0.5, -0.36), 0.46, 0.54, colour)
        pen.ellipse((side * 0.42, 0.44), 0.36, 0.42, edge(colour))
        pen.ellipse((side * 0.58, -0.42), 0.19, 0.22, spot)
        pen.line([(0, -0.6), (side * 0.24, -0.96)], 0.06, DARK)
    pen.ellipse((0, 0.04), 0.12, 0.7, DARK)


def draw_rabbit(pen: Pen, colour: RGB) -> None:
    """A sitting rabbit from the front, with long ears."""
    for side in (-1, 1):
        pen.ellipse((side * 0.22, -0.62), 0.17, 0.38, colour)
        pen.ellipse((side * 0.22, -0.6), 0.08, 0.26, (248, 190, 196))
        pen.ellipse((side * 0.36, 0.86), 0.26, 0.13, edge(colour))
    pen.ellipse((0, 0.48), 0.52, 0.48, colour)
    pen.ellipse((0, 0.54), 0.28, 0.32, PALE)
    pen.ellipse((0, -0.14), 0.44, 0.38, colour)
    _eyes(pen, -0.18, 0.18)
    pen.ellipse((0, 0.0), 0.1, 0.07, (232, 120, 136))


def draw_bear(pen: Pen, colour: RGB) -> None:
    """A toy bear from the front: round ears, arms, a pale muzzle and belly."""
    for side in (-1, 1):
        pen.ellipse((side * 0.4, -0.76), 0.23, 0.22, edge(colour))
        pen.ellipse((side * 0.6, 0.14), 0.22, 0.3, edge(colour))
        pen.ellipse((side * 0.4, 0.78), 0.28, 0.2, edge(colour))
    pen.ellipse((0, 0.4), 0.54, 0.52, colour)
    pen.ellipse((0, 0.44), 0.3, 0.32, PALE)
    pen.ellipse((0, -0.42), 0.52, 0.46, colour)
    pen.ellipse((0, -0.26), 0.24, 0.19, PALE)
    pen.ellipse((0, -0.34), 0.1, 0.07, DARK)
    _eyes(pen, -0.54, 0.22)


def draw_turtle(pen: Pen, colour: RGB) -> None:
    """A turtle from the side: a domed shell of the colour with plates, green head and feet."""
    green = (132, 186, 96)
    pen.ellipse((-0.74, 0.22), 0.25, 0.22, green)
    pen.ellipse((-0.8, 0.16), 0.07, 0.08, DARK)
    for x in (-0.4, 0.4):
        pen.box(x - 0.16, 0.4, x + 0.16, 0.8, green)
    pen.polygon([(0.7, 0.44), (1.0, 0.56), (0.7, 0.6)], green)
    pen.half_ellipse((0.04, 0.46), 0.74, 0.98, colour)
    for x, y in ((-0.3, 0.12), (0.36, 0.12), (0.03, -0.22)):
        pen.ellipse((x, y), 0.19, 0.16, edge(colour))
    pen.box(-0.72, 0.4, 0.8, 0.56, edge(colour))


def draw_snail(pen: Pen, colour: RGB) -> None:
    """A snail from the side: a round shell of the colour with a spiral, a cream body."""
    body = (240, 212, 160)
    pen.polygon([(-0.98, 0.9), (-0.9, 0.3), (-0.6, 0.3), (-0.5, 0.6), (0.98, 0.9)], body)
    for x in (-0.9, -0.62):
        pen.line([(x, 0.32), (x - 0.06, -0.1)], 0.08, body)
        pen.ellipse((x - 0.06, -0.12), 0.09, 0.09, DARK)
    pen.ellipse((0.16, 0.02), 0.68, 0.66, colour)
    pen.ellipse((0.2, 0.06), 0.44, 0.43, edge(colour))
    pen.ellipse((0.24, 0.1), 0.27, 0.26, colour)
    pen.ellipse((0.27, 0.12), 0.12, 0.12, edge(colour))


def draw_cactus(pen: Pen, colour: RGB) -> None:
    """A cactus of the colour with two arms, in a clay pot."""
    for side, low, high in ((-1, 0.1, -0.44), (1, 0.24, -0.24)):
        pen.line([(0, low), (side * 0.6, low)], 0.24, colour)
        pen.line([(side * 0.6, low + 0.08), (side * 0.6, high)], 0.26, colour)
        pen.ellipse((side * 0.6, high), 0.13, 0.13, colour)
    pen.box(-0.22, -0.7, 0.22, 0.6, colour)
    pen.ellipse((0, -0.72), 0.22, 0.22, colour)
    pen.box(-0.07, -0.66, 0.02, 0.5, glint(colour))
    pen.polygon([(-0.46, 0.48), (0.46, 0.48), (0.34, 0.98), (-0.34, 0.98)], (190, 98, 58))
    pen.box(-0.52, 0.42, 0.52, 0.6, (208, 116, 72))


def draw_pine(pen: Pen, colour: RGB) -> None:
    """A fir tree: three triangles of the colour, one above the other, over a trunk."""
    pen.box(-0.14, 0.6, 0.14, 0.98, BARK)
    layers = ((0.72, 0.78, -0.06), (0.58, 0.34, -0.46), (0.42, -0.14, -1.0))
    for width, low, high in layers:
        pen.polygon([(-width, low), (width, low), (0, high)], colour)
        pen.polygon([(0, low), (width, low), (0, high)], edge(colour))
