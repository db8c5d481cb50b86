"""Scenes: what a picture shows, drawn by chance from the tables, and who may train on it.

A scene is a small frozen record of attributes and a seed for everything that has no name (exact
place, size and shade). The same number always gives the same scene, on any machine.
"""

import hashlib
from dataclasses import dataclass, field, replace
from random import Random

from modules.training.world.backdrops import WEATHER_BY_NAME, Backdrop
from modules.training.world.colours import COLOUR_BY_NAME
from modules.training.world.things import THING_BY_NAME

HELD_OUT_SHARE = 0.08


@dataclass(frozen=True)
class Item:
    """One thing in a scene: names from the tables of things and colours.

    `tone` is "", "light" or "dark"; `pattern` "", "striped", "dotted" or "shiny"; `size` "",
    "small" or "big".
    """

    thing: str
    colour: str
    tone: str = ""
    pattern: str = ""
    size: str = ""

    @property
    def words(self) -> str:
        """The thing with all that it is, as one canonical text."""
        parts = (self.size, self.pattern, self.tone, self.colour, self.thing)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `items` run from left to right (or from top to bottom when stacked)."""

    items: tuple[Item, ...]
    backdrop: Backdrop
    arrangement: str = "row"
    """"row" (left to right), "stack" (top to bottom), "grid" (four of a kind), "behind" (the first
    in front of the second), "on" (the first on the second) or "in" (the first in the second)."""
    seed: int = 0
    style: str = ""
    """"" (flat colours), "outline", "watercolour" or "pixel art"."""

    @property
    def attributes(self) -> str:
        """Everything a caption can tell, as one canonical text."""
        items = "+".join(item.words for item in self.items)
        behind = self.backdrop.plain or f"{self.backdrop.sky}/{self.backdrop.ground}"
        more = "".join(f"|{word}" for word in (self.backdrop.weather, self.style) if word)
        return f"{items}|{self.arrangement if len(self.items) > 1 else '-'}|{behind}{more}"

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
    """"one" thing, "two" different things, a "pair", "trio" or "quartet" of the same; the shares
    sum to 1."""
    weathers: tuple[str, ...] = field(default=(), repr=False)
    patterns: tuple[str, ...] = field(default=(), repr=False)
    styles: tuple[str, ...] = field(default=(), repr=False)
    shares: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    """How often there is "weather" (outdoors), a "tone", a "pattern", a "size" or a "style"."""

    def share(self, name: str) -> float:
        """How often scenes have what is named; 0 where the world has it not."""
        return dict(self.shares).get(name, 0.0)

    @property
    def record(self) -> str:
        """All of it as text, the same as ever for worlds with nothing but things and colours."""
        newer = (self.weathers, self.patterns, self.styles, self.shares)
        return repr(self) + (repr(newer) if any(newer) else "")


SIMPLE = World(
    things=("ball", "cube", "house", "tree", "flower", "car", "heart", "mushroom"),
    colours=("red", "yellow", "green", "blue", "purple", "pink", "white", "black"),
    skies=("day", "sunset", "night"),
    grounds=("grass", "desert", "snow"),
)

MIDDLE = World(
    things=(
        *SIMPLE.things,
        *("star", "boat", "cat", "fish", "cup", "balloon", "girl", "bird"),
        *("butterfly", "rabbit", "castle", "rocket", "train", "apple", "umbrella", "cactus"),
    ),
    colours=(*SIMPLE.colours, "orange", "brown", "grey", "turquoise"),
    skies=(*SIMPLE.skies, "overcast", "dawn", "aurora"),
    grounds=(*SIMPLE.grounds, "sea", "beach", "leaves", "flowers", "street"),
    kinds=(("one", 0.5), ("two", 0.3), ("pair", 0.12), ("trio", 0.08)),
)

WIDE = World(
    things=(
        *MIDDLE.things,
        *("king", "robot", "bear", "turtle", "snail", "pine", "tent", "plane", "kite", "drum"),
        *("gift", "ice cream", "cake", "crown", "hat", "basket", "bowl"),
    ),
    colours=MIDDLE.colours,
    skies=MIDDLE.skies,
    grounds=MIDDLE.grounds,
    arrangements=("row", "row", "stack", "behind", "on", "in"),
    kinds=(("one", 0.46), ("two", 0.36), ("pair", 0.06), ("trio", 0.06), ("quartet", 0.06)),
    weathers=("rain", "snowfall", "clouds", "rainbow"),
    patterns=("striped", "dotted", "shiny"),
    styles=("outline", "watercolour", "pixel art"),
    shares=(("weather", 0.3), ("tone", 0.15), ("pattern", 0.2), ("size", 0.2), ("style", 0.3)),
)

WORLDS: dict[str, World] = {"simple": SIMPLE, "middle": MIDDLE, "wide": WIDE}


def _one_item(world: World, backdrop: Backdrop, rng: Random, things: tuple[str, ...]) -> Item:
    colours = [colour for colour in world.colours if colour != backdrop.plain]
    item = Item(rng.choice(things), rng.choice(colours))
    tones = COLOUR_BY_NAME[item.colour].tones
    tone = pattern = size = ""
    if world.share("tone") and rng.random() < world.share("tone") and tones:
        tone = rng.choice(tones)
    if world.patterns and rng.random() < world.share("pattern"):
        pattern = rng.choice(world.patterns)
    if world.share("size") and rng.random() < world.share("size"):
        size = rng.choice(("small", "big"))
    if size == "small":
        pattern = ""  # stripes and dots would be too fine to see
    return replace(item, tone=tone, pattern=pattern, size=size) if tone or pattern or size else item


def _backdrop(world: World, rng: Random) -> Backdrop:
    if rng.random() < world.plain_share:
        return Backdrop(plain=rng.choice(world.colours))
    backdrop = Backdrop(sky=rng.choice(world.skies), ground=rng.choice(world.grounds))
    if world.weathers and rng.random() < world.share("weather"):
        weather = rng.choice(world.weathers)
        if backdrop.sky in WEATHER_BY_NAME[weather].skies:
            return replace(backdrop, weather=weather)
    return backdrop


def _two(
    world: World, backdrop: Backdrop, rng: Random, first: Item
) -> tuple[tuple[Item, ...], str]:
    """The first and another thing beside, behind, below or around it, and which of these."""
    arrangement, able = "row", world.things
    if len(world.arrangements) > 1:  # outdoors, what stands above another thing would float
        choices = [n for n in world.arrangements if backdrop.plain or n != "stack"]
        arrangement = rng.choice(choices)
        able = tuple(name for name in world.things if _fits(name, arrangement))
    second = _one_item(world, backdrop, rng, able)
    while second.thing == first.thing:
        second = _one_item(world, backdrop, rng, able)
    if len(world.arrangements) == 1 and backdrop.plain:
        arrangement = rng.choice(world.arrangements)  # a draw that every scene's number counts on
    if arrangement in SIZELESS:
        return (replace(first, size=""), replace(second, size="")), arrangement
    return (first, second), arrangement


def _fits(name: str, arrangement: str) -> bool:
    """Whether a thing can be the second in this arrangement."""
    thing = THING_BY_NAME[name]
    return {"on": thing.top, "in": thing.rim}.get(arrangement, True) is not None


def _draw_scene(world: World, rng: Random) -> Scene:
    """Any scene of the world."""
    backdrop = _backdrop(world, rng)
    names, shares = zip(*world.kinds, strict=True)
    kind = rng.choices(names, shares)[0]
    first = _one_item(world, backdrop, rng, world.things)
    if kind == "two":
        items, arrangement = _two(world, backdrop, rng, first)
    else:
        items = (first,) * COUNTS[kind]
        arrangement = "grid" if kind == "quartet" else "row"
        if len(items) > 1:
            pattern = "" if kind == "trio" else first.pattern  # too fine to see on small things
            items = (replace(first, size="", pattern=pattern),) * len(items)
    scene = Scene(items, backdrop, arrangement, rng.getrandbits(32))
    if world.styles and rng.random() < world.share("style"):
        return replace(scene, style=rng.choice(world.styles))
    return scene


COUNTS = {"one": 1, "pair": 2, "trio": 3, "quartet": 4}
SIZELESS = ("behind", "on", "in")
"""Arrangements that leave no room for small and big."""


def of_kind(world: World, kind: str) -> World:
    """The world with only one kind of scene."""
    return replace(world, kinds=((kind, 1.0),))


def scene_at(world: World, index: int, *, seed: int = 0, held_out: bool = False) -> Scene:
    """Scene number `index` of the training part, or of the held-out part, of a world."""
    rng = Random(f"{seed}/{index}/{held_out}")
    while True:
        scene = _draw_scene(world, rng)
        if scene.held_out == held_out:
            return scene
