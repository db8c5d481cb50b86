"""What else a model must do: heed negative prompts, redraw pictures, and paint into them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from torch import Tensor

from modules.training.evaluation.adherence import Share
from modules.training.evaluation.sitting import Atelier, Over
from modules.training.facts import COLUMNS, QUESTIONS
from modules.training.world.captions import COMPLETE_HABITS, Habits, write_caption
from modules.training.world.scene import Item, Scene, World, of_kind, scene_at

NO_BACKDROP = Habits(omit_colours=0, omit_backdrop=1, omit_relation=0, decorate=0, tags=0)
NEGATIVES: tuple[tuple[str, str, str], ...] = (
    ("sky", "none", "background, plain background"),
    ("sky", "day", "daylight, blue sky, on a sunny day"),
    ("sky", "sunset", "sunset, orange sky, dusk"),
    ("sky", "night", "night, dark sky, midnight"),
)
"""What the probe looks for, and the negative prompt that should make it rarer."""

NEGATIVE_SCALE = 7.0
REDRAW_SCALE = 4.0
REDRAW_STRENGTH = 0.5
PAINT_STRENGTH = 1.0

Figures = dict[str, dict[str, float]]


def negative_effect(atelier: Atelier, world: World, count: int) -> Figures:
    """How often something appears unasked at CFG 7, without and with a negative prompt for it."""
    scenes = [scene_at(of_kind(world, "one"), n, seed=903, held_out=True) for n in range(count)]
    prompts = [
        write_caption(scene, Random(f"negative/{n}"), NO_BACKDROP).text
        for n, scene in enumerate(scenes)
    ]
    plain = atelier.answers(prompts, NEGATIVE_SCALE)
    effect = {}
    for question, answer, negative in NEGATIVES:
        column = COLUMNS[question]
        wanted = QUESTIONS[column].answers.index(answer)
        against = atelier.answers(prompts, NEGATIVE_SCALE, negative)
        effect[negative] = {
            "without": round(plain[:, column].eq(wanted).float().mean().item(), 4),
            "with": round(against[:, column].eq(wanted).float().mean().item(), 4),
            "n": count,
        }
    return effect


def redrawing(atelier: Atelier, world: World, count: int) -> Figures:
    """img2img at .5: the first of two things is asked for in another colour.

    "layout" is the share of pictures in which both things are still in their places, "new colour"
    the share in which the first has the colour asked for, "old colour" in which it kept its own.
    """
    before = _two_in_rows(world, count, 904)
    after = [
        replace(scene, items=(_recoloured(world, scene, Random(f"redraw/{n}")), scene.items[1]))
        for n, scene in enumerate(before)
    ]
    over = Over(scenes=tuple(before), strength=REDRAW_STRENGTH)
    seen = atelier.answers(_captions(after, "redraw"), REDRAW_SCALE, over=over)
    return {
        "layout": _figure(_places_right(scene, answers) for scene, answers in _each(after, seen)),
        "new colour": _figure(
            _answer(answers, f"colour of {scene.items[0].thing}") == scene.items[0].colour
            for scene, answers in _each(after, seen)
        ),
        "old colour": _figure(
            _answer(answers, f"colour of {scene.items[0].thing}") == scene.items[0].colour
            for scene, answers in _each(before, seen)
        ),
    }


def painting_in(atelier: Atelier, world: World, count: int) -> Figures:
    """Inpainting the left half of pictures of two things with another thing.

    "inside" is the share in which the new thing is there in its colour, "gone" in which the old
    one is not, "outside" in which the thing on the right is still there in its colour.
    """
    before = _two_in_rows(world, count, 905)
    after = [
        replace(scene, items=(_another(world, scene, Random(f"paint in/{n}")), scene.items[1]))
        for n, scene in enumerate(before)
    ]
    over = Over(scenes=tuple(before), strength=PAINT_STRENGTH, left_half=True)
    seen = atelier.answers(_captions(after, "paint in"), REDRAW_SCALE, over=over)
    return {
        "inside": _figure(_there(scene.items[0], answers) for scene, answers in _each(after, seen)),
        "gone": _figure(
            _answer(answers, f"has {scene.items[0].thing}") == "no"
            for scene, answers in _each(before, seen)
        ),
        "outside": _figure(
            _there(scene.items[1], answers) for scene, answers in _each(before, seen)
        ),
    }


def _two_in_rows(world: World, count: int, seed: int) -> list[Scene]:
    """Held-out scenes of two kinds side by side."""
    rows = replace(of_kind(world, "two"), arrangements=("row",))
    return [scene_at(rows, n, seed=seed, held_out=True) for n in range(count)]


def _recoloured(world: World, scene: Scene, rng: Random) -> Item:
    """The first thing in a colour of nothing else in the picture."""
    taken = {item.colour for item in scene.items} | {scene.backdrop.plain}
    free = [colour for colour in world.colours if colour not in taken]
    return replace(scene.items[0], colour=rng.choice(free), tone="")


def _another(world: World, scene: Scene, rng: Random) -> Item:
    """Another kind of thing in another colour."""
    taken = {item.thing for item in scene.items}
    free = [thing for thing in world.things if thing not in taken]
    return replace(_recoloured(world, scene, rng), thing=rng.choice(free), size="", pattern="")


def _captions(scenes: Sequence[Scene], seed: str) -> list[str]:
    return [
        write_caption(scene, Random(f"{seed}/caption/{n}"), COMPLETE_HABITS).text
        for n, scene in enumerate(scenes)
    ]


def _each(scenes: Sequence[Scene], seen: Tensor) -> list[tuple[Scene, list[int]]]:
    return list(zip(scenes, seen.tolist(), strict=True))


def _answer(answers: Sequence[int], question: str) -> str:
    column = COLUMNS[question]
    return QUESTIONS[column].answers[answers[column]]


def _there(item: Item, answers: Sequence[int]) -> bool:
    """Whether the thing was seen in its colour."""
    seen = _answer(answers, f"has {item.thing}") == "yes"
    return seen and _answer(answers, f"colour of {item.thing}") == item.colour


def _places_right(scene: Scene, answers: Sequence[int]) -> bool:
    """Whether both things were seen on their own sides."""
    return all(
        _answer(answers, f"has {item.thing}") == "yes"
        and _answer(answers, f"place of {item.thing}") == f"{order} in row"
        for item, order in zip(scene.items, ("first", "second"), strict=True)
    )


def _figure(passed: Iterable[bool]) -> dict[str, float]:
    """A share with its interval, as in the table."""
    found = list(passed)
    share = Share(sum(found), len(found))
    low, high = share.interval()
    return {
        "share": round(share.value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(found),
    }
