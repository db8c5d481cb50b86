"""What a caption tells about its scene, as numbers: questions for text towers and for probes.

Every question has a fixed list of answers. `UNTOLD` is an answer of its own where a caption leaves
something out; `SKIP` marks a question that does not arise (the colour of an absent thing).
"""

from dataclasses import dataclass

from modules.training.world.backdrops import GROUNDS, SKIES
from modules.training.world.captions import Caption
from modules.training.world.colours import COLOURS
from modules.training.world.scene import Scene
from modules.training.world.things import THINGS

SKIP = -100

THING_NAMES = tuple(thing.name for thing in THINGS)
COLOUR_NAMES = tuple(colour.name for colour in COLOURS)
SKY_NAMES = tuple(sky.name for sky in SKIES)
GROUND_NAMES = tuple(ground.name for ground in GROUNDS)
PLACES = ("alone", "first in row", "second in row", "first in stack", "second in stack")
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
    Question("count", ("1", "2", "3")),
    *(Question(f"has {name}", ("no", "yes")) for name in THING_NAMES),
    *(Question(f"colour of {name}", (*COLOUR_NAMES, UNTOLD)) for name in THING_NAMES),
    *(Question(f"place of {name}", (*PLACES, UNTOLD)) for name in THING_NAMES),
)

SIZES: tuple[int, ...] = tuple(len(question.answers) for question in QUESTIONS)


def answers_of(scene: Scene, caption: Caption | None = None) -> list[int]:
    """The right answer to each question, as told by the caption (or as drawn, without one)."""
    told = caption or Caption("")
    backdrop = scene.backdrop
    facts: dict[str, str] = {"count": str(len(scene.items))}
    facts["sky"] = (backdrop.sky or "none") if told.backdrop else UNTOLD
    facts["ground"] = (backdrop.ground or "none") if told.backdrop else UNTOLD
    facts["background"] = (backdrop.plain or "none") if told.backdrop else UNTOLD
    for name in THING_NAMES:
        facts[f"has {name}"] = "no"
    for index, item in enumerate(scene.items):
        facts[f"has {item.thing}"] = "yes"
        facts[f"colour of {item.thing}"] = item.colour if told.colours else UNTOLD
        facts[f"place of {item.thing}"] = _place(scene, index) if told.relation else UNTOLD
        if scene.items[0] == scene.items[-1]:
            facts[f"place of {item.thing}"] = "alone"
    return [
        question.answers.index(facts[question.name]) if question.name in facts else SKIP
        for question in QUESTIONS
    ]


def _place(scene: Scene, index: int) -> str:
    return f"{('first', 'second')[min(index, 1)]} in {scene.arrangement}"
