"""Captions: what people might type to get a scene, in prose or as tags, drawn anew at each visit.

A caption need not tell everything; what it does tell is recorded, so that a text encoder can be
taught, and a picture judged, by what was said.
"""

from dataclasses import dataclass
from random import Random

from modules.training.world.backdrops import (
    GROUND_BY_NAME,
    GROUNDS,
    SKIES,
    SKY_BY_NAME,
    WEATHER_BY_NAME,
    WEATHERS,
    Backdrop,
)
from modules.training.world.colours import COLOUR_BY_NAME, COLOURS, TONES
from modules.training.world.languages import LANGUAGES, foreign_caption
from modules.training.world.scene import Item, Scene
from modules.training.world.styles import STYLE_BY_NAME, STYLES
from modules.training.world.things import THING_BY_NAME, THINGS

COUNT_WORDS = {
    2: ("two", "two", "2", "a pair of", "a couple of"),
    3: ("three", "three", "3", "a trio of"),
    4: ("four", "four", "4", "a group of four"),
}
SIZE_WORDS = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
PATTERN_WORDS = {
    "striped": ("striped", "striped", "stripy"),
    "dotted": ("dotted", "spotted", "polka dot"),
    "shiny": ("shiny", "glossy", "metallic"),
}
OPENINGS = (
    "a picture of",
    "a drawing of",
    "an illustration of",
    "an image of",
    "a painting of",
    "a photo of",
)
QUALITY_TAGS = (
    "best quality",
    "high quality",
    "masterpiece",
    "detailed",
    "simple",
    "clean",
    "illustration",
    "flat colours",
)
ROW_PHRASES = ("to the left of", "left of", "on the left of")
ROW_PHRASES_REVERSED = ("to the right of", "right of", "on the right of")
STACK_PHRASES = ("above", "over")
STACK_PHRASES_REVERSED = ("below", "under", "beneath")
TOGETHER_PHRASES: dict[str, tuple[str, ...]] = {
    "stack": (
        *(f"{{0}} {phrase} {{1}}" for phrase in STACK_PHRASES),
        *(f"{{1}} {phrase} {{0}}" for phrase in STACK_PHRASES_REVERSED),
    ),
    "behind": ("{0} in front of {1}", "{0} before {1}", "{1} behind {0}"),
    "on": ("{0} on {1}", "{0} on top of {1}", "{0} standing on {1}", "{1} with {0} on top"),
    "in": ("{0} in {1}", "{0} inside {1}", "{0} sitting in {1}", "{1} with {0} in it"),
}
"""How the first and the second of two things are told, where they do not stand in a row."""
LOOSE_PHRASES = ("and", "and", "next to", "beside", "with")
PLAIN_PHRASES = (
    "on {0} background",
    "on {0} background",
    "on a plain {1} background",
    "in front of {0} background",
)


@dataclass(frozen=True)
class Caption:
    """A caption and what of its scene it tells."""

    text: str
    colours: bool = True
    backdrop: bool = True
    relation: bool = True


@dataclass(frozen=True)
class Habits:
    """How captions are written: shares of omissions, tags, decorations and synonyms."""

    omit_colours: float = 0.06
    omit_backdrop: float = 0.1
    omit_relation: float = 0.2
    tags: float = 0.25
    decorate: float = 0.25
    synonym: float = 0.25
    foreign: float = 0.0
    """Share in Chinese or Japanese, as far as these are short enough; they leave nothing out."""


TRAINING_HABITS = Habits()
WIDE_HABITS = Habits(foreign=0.1)
"""For worlds that are not the simple one."""
COMPLETE_HABITS = Habits(omit_colours=0, omit_backdrop=0, omit_relation=0, decorate=0)
"""Captions that tell everything: what evaluation asks for."""


def _with_article(noun: str) -> str:
    """The words with "a" or "an" before them."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


class _Writer:
    """Writes one caption with one generator of chance."""

    def __init__(self, scene: Scene, rng: Random, habits: Habits) -> None:
        self.scene, self.rng, self.habits = scene, rng, habits
        self.colours = rng.random() >= habits.omit_colours
        self.backdrop = rng.random() >= habits.omit_backdrop
        self.relation = len(scene.items) > 1 and rng.random() >= habits.omit_relation

    def word(self, name: str, synonyms: tuple[str, ...]) -> str:
        """The usual word, or now and then another."""
        if synonyms and self.rng.random() < self.habits.synonym:
            return self.rng.choice(synonyms)
        return name

    def colour_word(self, name: str) -> str:
        return self.word(name, COLOUR_BY_NAME[name].synonyms)

    def noun(self, item: Item) -> str:
        """Colour and word, or the word alone when colours are left out."""
        thing = THING_BY_NAME[item.thing]
        noun = self.word(thing.name, thing.synonyms)
        return f"{self.looks(item)}{noun}"

    def looks(self, item: Item) -> str:
        """Size, pattern and colour before a noun, each followed by a space."""
        words = []
        if item.size:
            words.append(self.rng.choice(SIZE_WORDS[item.size]))
        if item.pattern:
            words.append(self.rng.choice(PATTERN_WORDS[item.pattern]))
        if self.colours:
            words += [item.tone] if item.tone else []
            words.append(self.colour_word(item.colour))
        return "".join(f"{word} " for word in words)

    def one(self, item: Item) -> str:
        return _with_article(self.noun(item))

    def several(self, item: Item, count: int) -> str:
        noun = THING_BY_NAME[item.thing].plural_name
        looks = self.looks(item)
        return f"{self.rng.choice(COUNT_WORDS[count])} {looks}{noun}"

    def items(self) -> str:
        """The things, in prose."""
        things, rng = self.scene.items, self.rng
        if len(things) == 1:
            return self.one(things[0])
        if things[0] == things[1]:
            return self.several(things[0], len(things))
        first, second = things
        if not self.relation:
            if rng.random() < 0.5:
                first, second = second, first
            return f"{self.one(first)} {rng.choice(LOOSE_PHRASES)} {self.one(second)}"
        if self.scene.arrangement in TOGETHER_PHRASES:
            phrase = rng.choice(TOGETHER_PHRASES[self.scene.arrangement])
            return phrase.format(self.one(first), self.one(second))
        way = rng.random()
        if way < 0.4:
            return f"{self.one(first)} {rng.choice(ROW_PHRASES)} {self.one(second)}"
        if way < 0.7:
            return f"{self.one(second)} {rng.choice(ROW_PHRASES_REVERSED)} {self.one(first)}"
        return f"{self.one(first)} on the left and {self.one(second)} on the right"

    def behind(self) -> str:
        """The backdrop as a phrase that follows the things."""
        backdrop, rng = self.scene.backdrop, self.rng
        if backdrop.plain:
            colour = self.colour_word(backdrop.plain)
            return rng.choice(PLAIN_PHRASES).format(_with_article(colour), colour)
        ground = rng.choice(GROUND_BY_NAME[backdrop.ground].phrases)
        sky = rng.choice(SKY_BY_NAME[backdrop.sky].phrases)
        if not backdrop.weather:
            return f"{ground} {sky}"
        return f"{ground} {sky} {rng.choice(WEATHER_BY_NAME[backdrop.weather].phrases)}"

    def prose(self) -> str:
        text, style = self.items(), STYLE_BY_NAME.get(self.scene.style)
        leads = style is not None and self.rng.random() < 0.5
        if style is not None and leads:
            text = f"{self.rng.choice(style.openings)} {text}"
        elif self.rng.random() < self.habits.decorate:
            text = f"{self.rng.choice(OPENINGS)} {text}"
        if self.backdrop:
            text = f"{text} {self.behind()}"
        if style is not None and not leads:
            text = f"{text}, {self.rng.choice(style.endings)}"
        if self.rng.random() < self.habits.decorate / 2:
            text = f"{text}, {self.rng.choice(self.quality_tags)}"
        return text

    @property
    def quality_tags(self) -> tuple[str, ...]:
        """Words that praise; those that tell of flat colours only where it is true."""
        return QUALITY_TAGS[:-1] if self.scene.style else QUALITY_TAGS

    def item_tags(self) -> list[str]:
        things = self.scene.items
        if len(things) == 1:
            return [self.noun(things[0])]
        if things[0] == things[1]:
            return [self.several(things[0], len(things))]
        tags = [self.noun(item) for item in things]
        if not self.relation:
            self.rng.shuffle(tags)
            return tags
        if self.scene.arrangement in ("behind", "on", "in"):
            first, second = (_with_article(tag) for tag in tags)
            phrases = TOGETHER_PHRASES[self.scene.arrangement]
            return [self.rng.choice(phrases).format(first, second)]
        ends = ("on the left", "on the right")
        if self.scene.arrangement == "stack":
            ends = ("at the top", "at the bottom")
        tags = [f"{tag} {end}" for tag, end in zip(tags, ends, strict=True)]
        if self.rng.random() < 0.5:
            tags.reverse()
        return tags

    def backdrop_tags(self) -> list[str]:
        backdrop = self.scene.backdrop
        if backdrop.plain:
            plain = self.rng.choice(("", "plain "))
            return [f"{plain}{self.colour_word(backdrop.plain)} background"]
        tags = [
            self.rng.choice(GROUND_BY_NAME[backdrop.ground].tags),
            self.rng.choice(SKY_BY_NAME[backdrop.sky].tags),
        ]
        if backdrop.weather:
            tags.append(self.rng.choice(WEATHER_BY_NAME[backdrop.weather].tags))
        self.rng.shuffle(tags)
        return tags

    def tags(self) -> str:
        parts = self.item_tags()
        if self.backdrop:
            parts += self.backdrop_tags()
        if self.scene.style:
            ending = self.rng.choice(STYLE_BY_NAME[self.scene.style].endings)
            parts.insert(self.rng.choice((0, len(parts))), ending)
        if self.rng.random() < self.habits.decorate:
            count = self.rng.randint(1, 3)
            where = self.rng.choice((0, len(parts)))
            parts[where:where] = self.rng.sample(self.quality_tags, count)
        return ", ".join(parts)


def write_caption(scene: Scene, rng: Random, habits: Habits = TRAINING_HABITS) -> Caption:
    """A caption of the scene; `rng` chooses the words."""
    if habits.foreign and rng.random() < habits.foreign:
        text = foreign_caption(scene, rng.choice(tuple(LANGUAGES)), rng)
        if text:
            return Caption(text, relation=scene.mixed)
    writer = _Writer(scene, rng, habits)
    text = writer.tags() if rng.random() < habits.tags else writer.prose()
    return Caption(text, writer.colours, writer.backdrop, writer.relation)


def backdrop_words(backdrop: Backdrop) -> str:
    """A backdrop in plain words, for tables and model cards."""
    return f"plain {backdrop.plain}" if backdrop.plain else f"{backdrop.sky}, {backdrop.ground}"


def every_word() -> list[str]:
    """Everything captions are made of, as short texts: what a vocabulary must cover."""
    words = [*OPENINGS, *QUALITY_TAGS, *ROW_PHRASES, *ROW_PHRASES_REVERSED, *LOOSE_PHRASES]
    words += [*STACK_PHRASES, *STACK_PHRASES_REVERSED, "on the left", "on the right", ","]
    words += ["before", "on top of", "standing on", "with", "inside", "sitting in"]
    words += ["on top", "in it", *TONES]
    words += ["at the top", "at the bottom", "a plain background", "an", "in front of", "behind"]
    for phrases in COUNT_WORDS.values():
        words += phrases
    for thing in THINGS:
        words += [thing.name, thing.plural_name, *thing.synonyms]
    for colour in COLOURS:
        words += [colour.name, *colour.synonyms]
    for choices in (*SIZE_WORDS.values(), *PATTERN_WORDS.values()):
        words += choices
    for style in STYLES:
        words += [*style.openings, *style.endings]
    for weather in WEATHERS:
        words += [*weather.phrases, *weather.tags]
    for sky in SKIES:
        words += [sky.name, *sky.phrases, *sky.tags]
    for ground in GROUNDS:
        words += [ground.name, *ground.phrases, *ground.tags]
    return words
