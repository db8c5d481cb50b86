"""Buildings, vehicles, toys, food and belongings: how they are drawn in the box of a pen."""

from modules.training.world.colours import RGB, contrast, edge, glint
from modules.training.world.pen import Pen

WOOD: RGB = (126, 82, 48)
GLASS: RGB = (178, 214, 240)
DARK: RGB = (40, 40, 44)
CREAM: RGB = (250, 240, 218)
STEEL: RGB = (172, 176, 184)
CONE: RGB = (222, 166, 92)


def _ribbon(colour: RGB) -> RGB:
    """Yellow, or red where the thing itself is yellowish or light."""
    return (250, 212, 60) if colour[1] < 120 else (212, 44, 52)


def draw_castle(pen: Pen, colour: RGB) -> None:
    """A castle: two towers and a wall between them with battlements, and a dark gate."""
    pen.box(-0.5, -0.1, 0.5, 0.98, edge(colour))
    for x in (-0.36, 0.0, 0.36):
        pen.box(x - 0.11, -0.3, x + 0.11, 0.0, edge(colour))
    for x in (-0.66, 0.66):
        pen.box(x - 0.3, -0.6, x + 0.3, 0.98, colour)
        for tooth in (-0.22, 0.0, 0.22):
            pen.box(x + tooth - 0.08, -0.84, x + tooth + 0.08, -0.5, colour)
        pen.box(x - 0.09, -0.26, x + 0.09, 0.08, DARK)
    pen.box(-0.22, 0.5, 0.22, 0.98, DARK)
    pen.ellipse((0, 0.5), 0.22, 0.24, DARK)


def draw_tent(pen: Pen, colour: RGB) -> None:
    """A tent: a triangle of the colour with its side in shade and an open entrance."""
    pen.polygon([(-0.3, -0.72), (0.46, -0.72), (1.0, 0.9), (0.4, 0.9)], edge(colour))
    pen.polygon([(-0.3, -0.8), (-1.0, 0.9), (0.44, 0.9)], colour)
    pen.polygon([(-0.3, -0.24), (-0.58, 0.9), (0.0, 0.9)], (70, 52, 46))


def draw_rocket(pen: Pen, colour: RGB) -> None:
    """A rocket standing on its flame: a body of the colour, three fins, a round window."""
    pen.polygon([(-0.24, 0.56), (0.24, 0.56), (0, 1.0)], (250, 150, 40))
    pen.polygon([(-0.3, 0.02), (-0.76, 0.68), (-0.24, 0.52)], edge(colour))
    pen.polygon([(0.3, 0.02), (0.76, 0.68), (0.24, 0.52)], edge(colour))
    pen.ellipse((0, -0.08), 0.38, 0.9, colour)
    pen.box(-0.3, 0.46, 0.3, 0.6, DARK)
    pen.ellipse((0, -0.26), 0.23, 0.23, CREAM)
    pen.ellipse((0, -0.26), 0.16, 0.16, (88, 150, 210))


def draw_plane(pen: Pen, colour: RGB) -> None:
    """A plane from the side, flying to the left, with a wing below and a tail fin."""
    pen.polygon([(0.5, -0.08), (0.98, -0.66), (0.98, 0.04)], edge(colour))
    pen.ellipse((-0.04, 0.02), 0.94, 0.32, colour)
    pen.polygon([(-0.26, 0.08), (0.3, 0.08), (0.62, 0.64), (0.26, 0.64)], edge(colour))
    for x in (-0.36, -0.04, 0.28):
        pen.ellipse((x, -0.1), 0.1, 0.1, GLASS)
    pen.ellipse((-0.74, -0.06), 0.15, 0.13, GLASS)


def draw_train(pen: Pen, colour: RGB) -> None:
    """A steam engine from the side: boiler and cabin of the colour, chimney, three wheels."""
    pen.box(-0.72, -0.62, -0.42, -0.1, DARK)
    pen.box(-0.8, -0.72, -0.34, -0.54, DARK)
    pen.box(-0.96, -0.2, 0.4, 0.42, colour)
    pen.box(0.24, -0.74, 0.9, 0.42, colour)
    pen.box(0.14, -0.88, 0.98, -0.68, DARK)
    pen.box(0.4, -0.52, 0.74, -0.16, GLASS)
    pen.box(-0.98, 0.34, 0.94, 0.5, edge(colour))
    for x in (-0.64, -0.02, 0.6):
        pen.ellipse((x, 0.52), 0.27, 0.27, DARK)
        pen.ellipse((x, 0.52), 0.12, 0.12, STEEL)


def draw_kite(pen: Pen, colour: RGB) -> None:
    """A kite: a diamond in two shades, and a tail with bows."""
    pen.line([(0, 0.4), (0.16, 0.6), (-0.1, 0.76), (0.1, 0.98)], 0.07, DARK)
    bow = contrast(colour)
    for x, y in ((0.12, 0.58), (-0.04, 0.82)):
        pen.polygon([(x, y), (x - 0.26, y - 0.11), (x - 0.26, y + 0.11)], bow)
        pen.polygon([(x, y), (x + 0.26, y - 0.11), (x + 0.26, y + 0.11)], bow)
    pen.polygon([(0, -0.98), (0.84, -0.32), (0, 0.54), (-0.84, -0.32)], colour)
    pen.polygon([(0, -0.98), (0.84, -0.32), (0, -0.32)], glint(colour))
    pen.polygon([(0, 0.54), (-0.84, -0.32), (0, -0.32)], edge(colour))


def draw_drum(pen: Pen, colour: RGB) -> None:
    """A drum of the colour with a cream skin, rims and a zigzag cord."""
    pen.ellipse((0, 0.58), 0.84, 0.34, edge(colour))
    pen.box(-0.84, -0.34, 0.84, 0.58, colour)
    zigzag = [(-0.8 + 0.32 * k, 0.6 if k % 2 else -0.1) for k in range(6)]
    pen.line(zigzag, 0.1, contrast(colour))
    pen.ellipse((0, -0.36), 0.86, 0.36, edge(colour))
    pen.ellipse((0, -0.4), 0.76, 0.28, CREAM)


def draw_gift(pen: Pen, colour: RGB) -> None:
    """A gift: a box of the colour with a lid, a ribbon and a bow."""
    ribbon = _ribbon(colour)
    pen.box(-0.74, -0.2, 0.74, 0.96, colour)
    pen.box(-0.88, -0.46, 0.88, -0.12, edge(colour))
    pen.box(-0.17, -0.46, 0.17, 0.96, ribbon)
    for side in (-1, 1):
        pen.ellipse((side * 0.32, -0.66), 0.32, 0.22, ribbon)
    pen.ellipse((0, -0.56), 0.17, 0.15, edge(ribbon))


def draw_apple(pen: Pen, colour: RGB) -> None:
    """An apple of the colour with a stalk and a green leaf."""
    pen.line([(0, -0.44), (0.06, -0.9)], 0.12, WOOD)
    pen.ellipse((0.36, -0.76), 0.28, 0.15, (70, 156, 64))
    for side in (-1, 1):
        pen.ellipse((side * 0.3, 0.16), 0.56, 0.66, colour)
    pen.ellipse((0, 0.34), 0.56, 0.58, colour)
    pen.ellipse((-0.46, -0.1), 0.16, 0.22, glint(colour))


def draw_ice_cream(pen: Pen, colour: RGB) -> None:
    """Two scoops of the colour in a cone."""
    pen.polygon([(-0.46, 0.0), (0.46, 0.0), (0, 1.0)], CONE)
    pen.line([(-0.3, 0.16), (0.16, 0.56)], 0.07, (188, 128, 62))
    pen.line([(0.3, 0.16), (-0.16, 0.56)], 0.07, (188, 128, 62))
    pen.ellipse((0, -0.14), 0.58, 0.36, edge(colour))
    pen.ellipse((0, -0.52), 0.5, 0.46, colour)
    pen.ellipse((-0.18, -0.68), 0.15, 0.13, glint(colour))


def draw_cake(pen: Pen, colour: RGB) -> None:
    """A cake of two tiers of the colour with cream on top, and a cherry."""
    pen.box(-0.92, 0.28, 0.92, 0.94, colour)
    pen.box(-0.92, 0.28, 0.92, 0.44, CREAM)
    pen.box(-0.58, -0.36, 0.58, 0.28, colour)
    pen.box(-0.58, -0.36, 0.58, -0.2, CREAM)
    for x in (-0.7, -0.24, 0.24, 0.7):
        pen.ellipse((x, 0.44), 0.15, 0.15, CREAM)
    for x in (-0.36, 0.0, 0.36):
        pen.ellipse((x, -0.2), 0.13, 0.14, CREAM)
    pen.line([(0, -0.6), (0.14, -0.94)], 0.07, (60, 120, 50))
    pen.ellipse((0, -0.52), 0.2, 0.2, (204, 26, 48))


def draw_umbrella(pen: Pen, colour: RGB) -> None:
    """An open umbrella in panels of two shades, with a hooked handle."""
    pen.box(-0.06, -0.9, 0.06, 0.76, WOOD)
    pen.line([(0, 0.7), (0.04, 0.88), (0.2, 0.92), (0.32, 0.82), (0.34, 0.66)], 0.12, WOOD)
    pen.half_ellipse((0, 0.1), 0.98, 0.92, colour)
    pen.half_ellipse((0, 0.1), 0.36, 0.92, edge(colour))


def draw_crown(pen: Pen, colour: RGB) -> None:
    """A crown of the colour: five points with balls, a band with stones."""
    tips = [(-0.94, -0.4), (-0.48, -0.62), (0, -0.74), (0.48, -0.62), (0.94, -0.4)]
    valleys = [(-0.62, 0.12), (-0.2, 0.02), (0.2, 0.02), (0.62, 0.12)]
    outline = [tips[0]]
    for valley, tip in zip(valleys, tips[1:], strict=True):
        outline += [valley, tip]
    pen.polygon([*outline, (0.76, 0.66), (-0.76, 0.66)], colour)
    for tip in tips:
        pen.ellipse(tip, 0.14, 0.14, glint(colour))
    pen.box(-0.78, 0.4, 0.78, 0.78, edge(colour))
    for x in (-0.48, 0.0, 0.48):
        pen.ellipse((x, 0.58), 0.13, 0.13, contrast(colour))


def draw_hat(pen: Pen, colour: RGB) -> None:
    """A top hat of the colour with a contrasting band."""
    pen.ellipse((0, 0.6), 0.98, 0.26, edge(colour))
    pen.polygon([(-0.62, -0.82), (0.62, -0.82), (0.5, 0.6), (-0.5, 0.6)], colour)
    pen.ellipse((0, 0.6), 0.5, 0.12, colour)
    pen.polygon([(-0.54, 0.22), (0.54, 0.22), (0.5, 0.54), (-0.5, 0.54)], contrast(colour))
    pen.ellipse((0, -0.82), 0.62, 0.15, glint(colour))


def draw_basket(pen: Pen, colour: RGB) -> None:
    """A basket of the colour with a handle and two darker bands."""
    pen.arc((0, -0.1), 0.62, 0.84, 0.13, edge(colour))
    pen.ellipse((0, -0.06), 0.88, 0.22, (92, 62, 40))
    pen.polygon([(-0.88, -0.06), (0.88, -0.06), (0.62, 0.92), (-0.62, 0.92)], colour)
    pen.polygon([(-0.82, 0.16), (0.82, 0.16), (0.78, 0.34), (-0.78, 0.34)], edge(colour))
    pen.polygon([(-0.72, 0.54), (0.72, 0.54), (0.67, 0.72), (-0.67, 0.72)], edge(colour))


def draw_bowl(pen: Pen, colour: RGB) -> None:
    """A round bowl of the colour on a foot, seen a little from above."""
    pen.box(-0.3, 0.7, 0.3, 0.92, edge(colour))
    pen.lower_half((0, 0.0), 0.96, 0.82, colour)
    pen.ellipse((0, 0.0), 0.96, 0.2, edge(colour))
    pen.ellipse((0, 0.02), 0.8, 0.13, (86, 66, 56))
