"""What a caption tells about its scene, as numbers: questions for text towers and for probes.

Every question has a fixed list of answers. `UNTOLD` is an answer of its own where a caption leaves
something out; `SKIP` marks a question that does not arise (the colour of an absent thing).
"""

from dataclasses import dataclass

from modules.training.world.backdrops import GROUNDS, SKIES, WEATHERS
from modules.training.world.captions import PATTERN_WORDS, SIZE_WORDS, Caption
from modules.training.world.colours import COLOURS, TONES
from modules.training.world.scene import Scene
from modules.training.world.styles import STYLES
from modules.training.world.things import THINGS

SKIP = -100

THING_NAMES = tuple(thing.name for thing in THINGS)
COLOUR_NAMES = tuple(colour.name for colour in COLOURS)
SKY_NAMES = tuple(sky.name for sky in SKIES)
GROUND_NAMES = tuple(ground.name for ground in GROUNDS)
WEATHER_NAMES = tuple(weather.name for weather in WEATHERS)
STYLE_NAMES = ("flat", *(style.name for style in STYLES))
ARRANGEMENTS = ("row", "stack", "behind", "on", "in")
PLACES = (
    "alone",
    *(f"{order} in {name}" for name in ARRANGEMENTS for order in ("first", "second")),
)
TONE_NAMES = ("usual", *TONES)
PATTERN_NAMES = ("none", *PATTERN_WORDS)
SIZE_NAMES = ("usual", *SIZE_WORDS)
UNTOLD = "untold"


@dataclass(frozen=True)
class Question:
    """One question and the answers it can have."""

    name: str
    answers: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question("sky", (*SKY_NAMES, "none", UNTOLD)),
    Question("ground", (*GROUND_NAMES, "none", UNTOLD)),
    Question("background", (*COLOUR_NAMES, "none", UNTOLD)),
    Question("count", ("1", "2", "3", "4")),
    Question("weather", (*WEATHER_NAMES, "none", UNTOLD)),
    Question("style", STYLE_NAMES),
    *(Question(f"has {name}", ("no", "yes")) for name in THING_NAMES),
    *(Question(f"colour of {name}", (*COLOUR_NAMES, UNTOLD)) for name in THING_NAMES),
    *(Question(f"place of {name}", (*PLACES, UNTOLD)) for name in THING_NAMES),
    *(Question(f"tone of {name}", TONE_NAMES) for name in THING_NAMES),
    *(Question(f"pattern of {name}", PATTERN_NAMES) for name in THING_NAMES),
    *(Question(f"size of {name}", SIZE_NAMES) for name in THING_NAMES),
)

COLUMNS: dict[str, int] = {question.name: n for n, question in enumerate(QUESTIONS)}
"""Where each question stands, by its name."""

SIZES: tuple[int, ...] = tuple(len(question.answers) for question in QUESTIONS)


def _first_questions() -> tuple[Question, ...]:
    """What was asked when the tables had 14 things, 4 skies and 4 grounds, and notes began."""
    things, places = THING_NAMES[:14], PLACES[:5]
    return (
        Question("sky", (*SKY_NAMES[:4], "none", UNTOLD)),
        Question("ground", (*GROUND_NAMES[:4], "none", UNTOLD)),
        Question("background", (*COLOUR_NAMES[:12], "none", UNTOLD)),
        Question("count", ("1", "2", "3")),
        *(Question(f"has {name}", ("no", "yes")) for name in things),
        *(Question(f"colour of {name}", (*COLOUR_NAMES[:12], UNTOLD)) for name in things),
        *(Question(f"place of {name}", (*places, UNTOLD)) for name in things),
    )


FIRST_QUESTIONS = _first_questions()


def answers_of(scene: Scene, caption: Caption | None = None) -> list[int]:
    """The right answer to each question, as told by the caption (or as drawn, without one)."""
    told = caption or Caption("")
    backdrop = scene.backdrop
    facts: dict[str, str] = {"count": str(len(scene.items))}
    facts["sky"] = (backdrop.sky or "none") if told.backdrop else UNTOLD
    facts["ground"] = (backdrop.ground or "none") if told.backdrop else UNTOLD
    facts["background"] = (backdrop.plain or "none") if told.backdrop else UNTOLD
    facts["weather"] = (backdrop.weather or "none") if told.backdrop else UNTOLD
    facts["style"] = scene.style or "flat"
    for name in THING_NAMES:
        facts[f"has {name}"] = "no"
    for index, item in enumerate(scene.items):
        facts[f"has {item.thing}"] = "yes"
        facts[f"colour of {item.thing}"] = item.colour if told.colours else UNTOLD
        facts[f"tone of {item.thing}"] = (item.tone if told.colours else "") or "usual"
        facts[f"pattern of {item.thing}"] = item.pattern or "none"
        facts[f"size of {item.thing}"] = item.size or "usual"
        facts[f"place of {item.thing}"] = _place(scene, index) if told.relation else UNTOLD
        if scene.items[0] == scene.items[-1]:
            facts[f"place of {item.thing}"] = "alone"
    found = [SKIP] * len(QUESTIONS)
    for name, answer in facts.items():
        column = COLUMNS[name]
        found[column] = QUESTIONS[column].answers.index(answer)
    return found


def _place(scene: Scene, index: int) -> str:
    return f"{('first', 'second')[min(index, 1)]} in {scene.arrangement}"


USUAL = ("usual", "none", "flat", "no", "alone")
"""Answers that say nothing: not counted where rows are scored by what is told."""


def row_of(question: Question, answer: int) -> str:
    """The row of a table in which this answer to the question is scored; "" for none.

    Counts and relations have a row for each; what is usual and what is untold have none.
    """
    kind, told = question.name.split(" ")[0], question.answers[answer]
    if told == UNTOLD or told in USUAL:
        return ""
    if kind == "place":
        return f"relation: {told.rsplit(' ', 1)[1]}"
    return f"count: {told}" if kind == "count" else kind
