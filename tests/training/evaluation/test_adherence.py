"""Judging: the truth passes every row, and each mistake fails its own."""

import pytest
import torch

from modules.training.evaluation.adherence import ROWS, Score, Share, judge, table
from modules.training.facts import QUESTIONS, answers_of
from modules.training.world.backdrops import Backdrop
from modules.training.world.scene import SIMPLE, WIDE, Item, Scene, scene_at

PAIR = Scene((Item("ball", "red"), Item("cube", "blue")), Backdrop(sky="day", ground="snow"))
NAMES = [question.name for question in QUESTIONS]


def both(scene):
    return scene, answers_of(scene)


def seen(scene, **changes):
    answers = answers_of(scene)
    for name, answer in changes.items():
        column = NAMES.index(name.replace("_", " "))
        answers[column] = QUESTIONS[column].answers.index(answer)
    return answers


@pytest.mark.parametrize("world", [SIMPLE, WIDE])
def test_the_truth_passes_every_row(world):
    for n in range(200):
        scene = scene_at(world, n)
        assert all(judge(scene, answers_of(scene)).values())


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"sky": "night"}, {"sky"}),
        ({"colour_of_ball": "blue"}, {"binding"}),
        ({"place_of_cube": "first in row"}, {"relation", "relation: row"}),
        ({"count": "1"}, {"count", "count: 2"}),
        ({"has_heart": "yes"}, {"two objects"}),
        ({"has_ball": "no"}, {"two objects", "binding", "relation", "relation: row"}),
    ],
)
def test_a_mistake_fails_its_rows(changes, failed):
    rows = judge(PAIR, seen(PAIR, **changes))
    assert {row for row, passed in rows.items() if not passed} == failed | {"everything"}


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"style": "flat"}, {"style"}),
        ({"weather": "none"}, {"weather"}),
        ({"pattern_of_ball": "none"}, {"pattern"}),
        ({"tone_of_cup": "usual"}, {"tone"}),
        ({"place_of_ball": "first in on"}, {"relation", "relation: in"}),
        (
            {"has_cup": "no"},
            {"two objects", "binding", "relation", "relation: in", "tone", "pattern"},
        ),
    ],
)
def test_a_mistake_in_the_wide_world_fails_its_rows(changes, failed):
    meadow = Backdrop(sky="day", ground="grass", weather="rain")
    things = Item("ball", "red", pattern="dotted"), Item("cup", "blue", tone="dark")
    scene = Scene(things, meadow, "in", style="watercolour")
    rows = judge(scene, seen(scene, **changes))
    assert {row for row, passed in rows.items() if not passed} == failed | {"everything"}


def test_every_row_that_can_arise_is_explained():
    rows = {row for n in range(600) for row in judge(*both(scene_at(WIDE, n)))}
    assert rows == set(ROWS)


def test_a_family_with_one_kind_has_one_line_in_the_table():
    score = Score("CFG 7")
    score.add([PAIR], torch.tensor([answers_of(PAIR)]))
    assert "relation: row" not in table([score]) and "| relation |" in table([score])


def test_the_interval_is_wilsons():
    low, high = Share(8, 10).interval()
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))


def test_the_table_has_a_column_for_each_score():
    score = Score("CFG 7")
    score.add([PAIR], torch.tensor([answers_of(PAIR)]))
    assert "| binding | 1 | 1.000 (0.21-1.00) |" in table([score])
