"""Judging: the truth passes every row, and each mistake fails its own."""

import pytest
import torch

from modules.training.evaluation.adherence import Score, Share, judge, table
from modules.training.facts import QUESTIONS, answers_of
from modules.training.world.backdrops import Backdrop
from modules.training.world.scene import SIMPLE, WIDE, Item, Scene, scene_at

PAIR = Scene((Item("ball", "red"), Item("cube", "blue")), Backdrop(sky="day", ground="snow"))
NAMES = [question.name for question in QUESTIONS]


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
        ({"place_of_cube": "first in row"}, {"relation"}),
        ({"count": "1"}, {"count"}),
        ({"has_heart": "yes"}, {"two objects"}),
        ({"has_ball": "no"}, {"two objects", "binding", "relation"}),
    ],
)
def test_a_mistake_fails_its_rows(changes, failed):
    rows = judge(PAIR, seen(PAIR, **changes))
    assert {row for row, passed in rows.items() if not passed} == failed | {"everything"}


def test_the_interval_is_wilsons():
    low, high = Share(8, 10).interval()
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))


def test_the_table_has_a_column_for_each_score():
    score = Score("CFG 7")
    score.add([PAIR], torch.tensor([answers_of(PAIR)]))
    assert "| binding | 1 | 1.000 (0.21-1.00) |" in table([score])
