"""Probes are kept with their questions, and say nothing that they never learnt."""

import pytest
import torch

from modules.errors import NotFound
from modules.training.evaluation.adherence import answers_to
from modules.training.evaluation.probe import Probe, load_probe, probe_in, save_probe, weights_name
from modules.training.facts import COLUMNS, FIRST_QUESTIONS, SIZES

PIXELS = torch.rand(5, 3, 48, 48, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.mark.parametrize(("width", "side"), [(8, 64), (12, 96)])
def test_a_kept_probe_sees_the_same(tmp_path, width, side):
    torch.manual_seed(1)
    probe = Probe(width, side).eval()
    save_probe(probe, tmp_path / weights_name("wide"))
    again = probe_in(tmp_path, "wide")
    with torch.no_grad():
        assert (again(PIXELS) - probe(PIXELS)).abs().max() < 0.01


def test_a_probe_of_the_first_questions_never_gives_a_newer_answer(tmp_path):
    torch.manual_seed(2)
    state = Probe().state_dict()
    count = sum(len(question.answers) for question in FIRST_QUESTIONS)
    state["answer.weight"] = state["answer.weight"][:count]
    state["answer.bias"] = torch.full((count,), -5.0)
    torch.save(state, tmp_path / "probe-weights.pt")
    answers = answers_to(probe_in(tmp_path), PIXELS)
    assert answers.shape == (5, len(SIZES))
    for question in FIRST_QUESTIONS:
        if question.name in ("count", *(f"colour of {name}" for name in ("ball", "cat"))):
            assert answers[:, COLUMNS[question.name]].max() < len(question.answers)


def test_a_probe_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="probe-wide"):
        load_probe(tmp_path / weights_name("wide"))
