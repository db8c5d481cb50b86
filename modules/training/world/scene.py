"""Scenes: what a picture shows, drawn by chance from the tables, and who may train on it.

A scene is a small frozen record of attributes and a seed for everything that has no name (exact
place, size and shade). The same number always gives the same scene, on any machine.
"""

import hashlib
from dataclasses import dataclass, field
from random import Random

from modules.training.world.backdrops import Backdrop

HELD_OUT_SHARE = 0.08


@dataclass(frozen=True)
class Item:
    """One thing in a scene: names from the tables of things and colours."""

    thing: str
    colour: str


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `items` run from left to right (or from top to bottom when stacked)."""

    items: tuple[Item, ...]
    backdrop: Backdrop
    arrangement: str = "row"
    """"row" (left to right) or "stack" (top to bottom)."""
    seed: int = 0

    @property
    def attributes(self) -> str:
        """Everything a caption can tell, as one canonical text."""
        items = "+".join(f"{item.colour} {item.thing}" for item in self.items)
        behind = self.backdrop.plain or f"{self.backdrop.sky}/{self.backdrop.ground}"
        return f"{items}|{self.arrangement if len(self.items) > 1 else '-'}|{behind}"

    @property
    def mixed(self) -> bool:
        """Whether different things stand together."""
        return len(set(self.items)) > 1

    @property
    def held_out(self) -> bool:
        """Whether its attributes are kept for evaluation: never drawn or told in training."""
        digest = hashlib.sha256(self.attributes.encode()).digest()
        return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


@dataclass(frozen=True)
class World:
    """Which rows of the tables scenes are drawn from, and how often each kind of scene comes."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    skies: tuple[str, ...]
    grounds: tuple[str, ...]
    arrangements: tuple[str, ...] = ("row",)
    plain_share: float = 0.5
    kinds: tuple[tuple[str, float], ...] = field(
        default=(("one", 0.6), ("two", 0.25), ("pair", 0.15))
    )
    """"one" thing, "two" different things, a "pair" or a "trio" of the same; shares sum to 1."""


SIMPLE = World(
    things=("ball", "cube", "house", "tree", "flower", "car", "heart", "mushroom"),
    colours=("red", "yellow", "green", "blue", "purple", "pink", "white", "black"),
    skies=("day", "sunset", "night"),
    grounds=("grass", "desert", "snow"),
)

WIDE = World(
    things=(*SIMPLE.things, "star", "boat", "cat", "fish", "cup", "balloon"),
    colours=(*SIMPLE.colours, "orange", "brown", "grey", "turquoise"),
    skies=(*SIMPLE.skies, "overcast"),
    grounds=(*SIMPLE.grounds, "sea"),
    arrangements=("row", "stack"),
    kinds=(("one", 0.5), ("two", 0.3), ("pair", 0.12), ("trio", 0.08)),
)

WORLDS: dict[str, World] = {"simple": SIMPLE, "wide": WIDE}


def _one_item(world: World, backdrop: Backdrop, rng: Random) -> Item:
    colours = [colour for colour in world.colours if colour != backdrop.plain]
    return Item(rng.choice(world.things), rng.choice(colours))


def _draw_scene(world: World, rng: Random) -> Scene:
    """Any scene of the world."""
    if rng.random() < world.plain_share:
        backdrop = Backdrop(plain=rng.choice(world.colours))
    else:
        backdrop = Backdrop(sky=rng.choice(world.skies), ground=rng.choice(world.grounds))
    names, shares = zip(*world.kinds, strict=True)
    kind = rng.choices(names, shares)[0]
    first = _one_item(world, backdrop, rng)
    arrangement = "row"
    if kind == "two":
        second = _one_item(world, backdrop, rng)
        while second.thing == first.thing:
            second = _one_item(world, backdrop, rng)
        items: tuple[Item, ...] = (first, second)
        if backdrop.plain:
            arrangement = rng.choice(world.arrangements)
    else:
        items = (first,) * {"one": 1, "pair": 2, "trio": 3}[kind]
    return Scene(items, backdrop, arrangement, rng.getrandbits(32))


def scene_at(world: World, index: int, *, seed: int = 0, held_out: bool = False) -> Scene:
    """Scene number `index` of the training part, or of the held-out part, of a world."""
    rng = Random(f"{seed}/{index}/{held_out}")
    while True:
        scene = _draw_scene(world, rng)
        if scene.held_out == held_out:
            return scene
