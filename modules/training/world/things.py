"""The things of the world: one row per kind, with the words for it and the function that draws it.

Every function draws in the box [-1, 1] x [-1, 1] of its pen and fills it nearly to the edge, in
large flat areas: nothing thinner than about a sixteenth of the picture.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from modules.training.world import living, made
from modules.training.world.colours import RGB, edge, glint, shade
from modules.training.world.pen import Pen, Point

WOOD: RGB = (126, 82, 48)
LEAF: RGB = (52, 140, 58)
GLASS: RGB = (178, 214, 240)
TYRE: RGB = (40, 40, 44)
CREAM: RGB = (246, 230, 204)


def draw_ball(pen: Pen, colour: RGB) -> None:
    """A shaded ball with a highlight."""
    pen.ellipse((0, 0), 0.96, 0.96, edge(colour))
    pen.ellipse((-0.08, -0.08), 0.84, 0.84, colour)
    pen.ellipse((-0.36, -0.4), 0.24, 0.2, glint(colour))


def draw_cube(pen: Pen, colour: RGB) -> None:
    """A cube seen from above its corner: three faces in three shades."""
    pen.polygon([(0, -0.96), (0.86, -0.5), (0, -0.04), (-0.86, -0.5)], glint(colour))
    pen.polygon([(-0.86, -0.5), (0, -0.04), (0, 0.96), (-0.86, 0.5)], colour)
    pen.polygon([(0.86, -0.5), (0, -0.04), (0, 0.96), (0.86, 0.5)], edge(colour))


def draw_house(pen: Pen, colour: RGB) -> None:
    """A house: coloured walls, dark roof, a door and a window."""
    roof = (96, 58, 50)
    pen.box(-0.74, -0.16, 0.74, 0.96, colour)
    pen.polygon([(-0.98, -0.14), (0, -0.98), (0.98, -0.14)], roof)
    pen.box(-0.48, 0.3, -0.06, 0.96, WOOD)
    pen.box(0.18, 0.2, 0.54, 0.56, GLASS)


def draw_tree(pen: Pen, colour: RGB) -> None:
    """A tree: a brown trunk under a round coloured crown of three lobes."""
    pen.box(-0.17, 0.2, 0.17, 0.98, WOOD)
    for centre in ((-0.42, -0.06), (0.42, -0.06), (0, -0.44)):
        pen.ellipse(centre, 0.5, 0.48, colour)
    pen.ellipse((-0.2, -0.5), 0.22, 0.18, glint(colour))


def draw_flower(pen: Pen, colour: RGB) -> None:
    """A flower: five coloured petals about a yellow heart, on a stem with two leaves."""
    pen.box(-0.08, 0.1, 0.08, 0.98, LEAF)
    pen.ellipse((-0.32, 0.66), 0.28, 0.15, LEAF)
    pen.ellipse((0.32, 0.66), 0.28, 0.15, LEAF)
    for petal in range(5):
        angle = math.tau * petal / 5 - math.pi / 2
        pen.ellipse((0.4 * math.cos(angle), -0.32 + 0.4 * math.sin(angle)), 0.3, 0.3, colour)
    heart = (252, 204, 40) if colour[2] > 80 or colour[1] < 120 else (128, 74, 30)
    pen.ellipse((0, -0.32), 0.25, 0.25, heart)


def draw_car(pen: Pen, colour: RGB) -> None:
    """A car from the side: coloured body and cabin, two wheels, two windows."""
    pen.polygon([(-0.62, -0.08), (-0.38, -0.56), (0.32, -0.56), (0.62, -0.08)], colour)
    pen.box(-0.98, -0.1, 0.98, 0.38, colour)
    pen.box(-0.98, 0.22, 0.98, 0.38, edge(colour))
    pen.polygon([(-0.44, -0.1), (-0.3, -0.42), (-0.06, -0.42), (-0.06, -0.1)], GLASS)
    pen.polygon([(0.06, -0.1), (0.06, -0.42), (0.26, -0.42), (0.44, -0.1)], GLASS)
    for x in (-0.54, 0.54):
        pen.ellipse((x, 0.38), 0.27, 0.27, TYRE)
        pen.ellipse((x, 0.38), 0.12, 0.12, (190, 190, 196))


def draw_heart(pen: Pen, colour: RGB) -> None:
    """A heart, from its parametric curve."""
    points: list[Point] = []
    for step in range(48):
        t = math.tau * step / 48
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x / 17, -(y + 2.5) / 15.4))
    pen.polygon(points, colour)
    pen.ellipse((-0.44, -0.38), 0.2, 0.16, glint(colour))


def draw_mushroom(pen: Pen, colour: RGB) -> None:
    """A mushroom: a cream stalk under a coloured cap with three pale spots."""
    pen.polygon([(-0.24, 0.0), (0.24, 0.0), (0.32, 0.96), (-0.32, 0.96)], CREAM)
    dome = [(math.cos(math.pi * k / 24), -math.sin(math.pi * k / 24)) for k in range(25)]
    pen.polygon([(0.96 * x, 0.12 + 1.06 * y) for x, y in dome], colour)
    pen.box(-0.96, 0.08, 0.96, 0.18, edge(colour))
    spot = (252, 252, 252) if min(colour) < 200 else (214, 190, 170)
    for x, y, r in ((-0.5, -0.26, 0.16), (0.06, -0.6, 0.18), (0.5, -0.2, 0.15)):
        pen.ellipse((x, y), r, r, spot)


def draw_star(pen: Pen, colour: RGB) -> None:
    """A five-pointed star."""
    points: list[Point] = []
    for corner in range(10):
        radius = 0.46 if corner % 2 else 1.02
        angle = math.pi * corner / 5 - math.pi / 2
        points.append((radius * math.cos(angle), 0.06 + radius * math.sin(angle)))
    pen.polygon(points, colour)


def draw_boat(pen: Pen, colour: RGB) -> None:
    """A sailing boat: a coloured hull and one large cream sail."""
    pen.box(-0.07, -0.98, 0.07, 0.4, WOOD)
    pen.polygon([(0.14, -0.9), (0.82, 0.26), (0.14, 0.26)], CREAM)
    pen.polygon([(-0.14, -0.6), (-0.62, 0.26), (-0.14, 0.26)], shade(CREAM, 0.9))
    pen.polygon([(-0.98, 0.4), (0.98, 0.4), (0.62, 0.96), (-0.66, 0.96)], colour)


def draw_cat(pen: Pen, colour: RGB) -> None:
    """A cat's face: two ears, two eyes, a muzzle."""
    pen.polygon([(-0.86, -0.96), (-0.86, 0.0), (-0.1, -0.5)], colour)
    pen.polygon([(0.86, -0.96), (0.86, 0.0), (0.1, -0.5)], colour)
    pen.ellipse((0, 0.16), 0.92, 0.8, colour)
    for x in (-0.38, 0.38):
        pen.ellipse((x, 0.02), 0.19, 0.21, (244, 246, 214))
        pen.ellipse((x, 0.02), 0.09, 0.17, (24, 24, 24))
    pen.ellipse((0, 0.52), 0.34, 0.24, (250, 240, 234))
    pen.polygon([(-0.13, 0.38), (0.13, 0.38), (0, 0.54)], (224, 112, 128))


def draw_fish(pen: Pen, colour: RGB) -> None:
    """A fish from the side, swimming to the left."""
    pen.polygon([(0.34, 0.0), (0.98, -0.6), (0.98, 0.6)], edge(colour))
    pen.polygon([(-0.3, -0.44), (0.16, -0.86), (0.36, -0.3)], edge(colour))
    pen.ellipse((-0.24, 0.04), 0.74, 0.56, colour)
    pen.ellipse((-0.58, -0.1), 0.15, 0.15, (250, 250, 250))
    pen.ellipse((-0.6, -0.1), 0.08, 0.08, (20, 20, 20))


def draw_cup(pen: Pen, colour: RGB) -> None:
    """A cup with a handle, seen a little from above."""
    pen.ellipse((0.6, 0.12), 0.38, 0.42, edge(colour))
    pen.ellipse((0.6, 0.12), 0.2, 0.24, shade(CREAM, 0.9))
    pen.polygon([(-0.82, -0.6), (0.62, -0.6), (0.44, 0.86), (-0.64, 0.86)], colour)
    pen.ellipse((-0.1, -0.6), 0.72, 0.24, (84, 52, 34))


def draw_balloon(pen: Pen, colour: RGB) -> None:
    """A hot-air balloon: a coloured bag with one darker stripe, and a basket."""
    pen.polygon([(-0.6, 0.1), (0.6, 0.1), (0.18, 0.66), (-0.18, 0.66)], colour)
    pen.ellipse((0, -0.24), 0.74, 0.74, colour)
    pen.ellipse((0, -0.24), 0.3, 0.74, edge(colour))
    pen.box(-0.22, 0.68, 0.22, 0.98, WOOD)


@dataclass(frozen=True)
class Thing:
    """A kind of thing: its word, how it is drawn, other words, and how it stands with others."""

    name: str
    draw: Callable[[Pen, RGB], None]
    synonyms: tuple[str, ...] = ()
    plural: str = ""
    bottom: float = 0.96
    """Where its foot is in its box (1 is the lower edge), so that it stands on the ground."""
    top: float | None = None
    """Where others can stand on it, in its box; None where it is not flat."""
    rim: tuple[float, float, float] | None = None
    """Its opening, if others can be in it: height of the middle, half width, half depth."""

    @property
    def plural_name(self) -> str:
        """The word for several of them."""
        return self.plural or self.name + "s"


THINGS: tuple[Thing, ...] = (
    Thing("ball", draw_ball, ("sphere",)),
    Thing("cube", draw_cube, ("box", "block"), top=-0.5),
    Thing("house", draw_house, ("cottage", "hut")),
    Thing("tree", draw_tree),
    Thing("flower", draw_flower, ("blossom",)),
    Thing("car", draw_car, ("automobile",), bottom=0.65, top=-0.56),
    Thing("heart", draw_heart),
    Thing("mushroom", draw_mushroom, ("toadstool",)),
    Thing("star", draw_star),
    Thing("boat", draw_boat, ("sailboat",)),
    Thing("cat", draw_cat, ("kitten",)),
    Thing("fish", draw_fish, plural="fish", bottom=0.6),
    Thing("cup", draw_cup, ("mug",), bottom=0.86, rim=(-0.6, 0.72, 0.24)),
    Thing("balloon", draw_balloon),
    Thing("girl", living.draw_girl),
    Thing("king", living.draw_king),
    Thing("robot", living.draw_robot),
    Thing("bird", living.draw_bird),
    Thing("butterfly", living.draw_butterfly, plural="butterflies", bottom=0.86),
    Thing("rabbit", living.draw_rabbit, ("bunny",)),
    Thing("bear", living.draw_bear, ("teddy bear",)),
    Thing("turtle", living.draw_turtle, ("tortoise",), bottom=0.8),
    Thing("snail", living.draw_snail, bottom=0.9),
    Thing("cactus", living.draw_cactus, plural="cacti"),
    Thing("pine", living.draw_pine, ("fir tree", "pine tree")),
    Thing("castle", made.draw_castle, ("fortress",), top=-0.3),
    Thing("tent", made.draw_tent, bottom=0.9),
    Thing("rocket", made.draw_rocket, ("spaceship",)),
    Thing("plane", made.draw_plane, ("airplane",), bottom=0.64),
    Thing("train", made.draw_train, ("locomotive",), bottom=0.79),
    Thing("kite", made.draw_kite),
    Thing("drum", made.draw_drum, bottom=0.9, top=-0.4),
    Thing("gift", made.draw_gift, ("present",), top=-0.46),
    Thing("apple", made.draw_apple, bottom=0.9),
    Thing("ice cream", made.draw_ice_cream, ("gelato",)),
    Thing("cake", made.draw_cake, bottom=0.94, top=-0.36),
    Thing("umbrella", made.draw_umbrella, ("parasol",), bottom=0.92),
    Thing("crown", made.draw_crown, bottom=0.78),
    Thing("hat", made.draw_hat, ("top hat",), bottom=0.84),
    Thing("basket", made.draw_basket, bottom=0.92, rim=(-0.06, 0.88, 0.22)),
    Thing("bowl", made.draw_bowl, bottom=0.92, rim=(0.0, 0.88, 0.17)),
)

THING_BY_NAME: dict[str, Thing] = {thing.name: thing for thing in THINGS}
