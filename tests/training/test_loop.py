"""The loop goes on exactly where it was stopped."""

import pytest
import torch
from torch import nn

from modules.training.loop import Clock, Plan, Trainer, train
from modules.training.team import Team

PLAN = Plan(steps=40, rate=0.01, warm_up=5)


class Line:
    """Fit a line: what a step sees depends on its number alone."""

    def __init__(self):
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)

    def loss(self, step, team):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        error = (self.network(x) - x.sum(1, keepdim=True)).square().mean()
        return error, {"loss": error.item()}


def finished(folder, *deadlines):
    for deadline in deadlines:
        trainer = Trainer(Line(), PLAN, folder / "line.pt")
        train("line", trainer, Team(), Clock(deadline))
    return trainer


def test_a_run_in_pieces_equals_a_run_in_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = finished(tmp_path / "a", float("inf"))
    pieces = finished(tmp_path / "b", 0, 0, 0, float("inf"))
    assert whole.step == pieces.step == 40
    for name, tensor in whole.averaged().items():
        assert tensor.equal(pieces.averaged()[name])
    assert whole.stage.network.weight.equal(pieces.stage.network.weight)


def test_a_stopped_run_says_that_it_is_not_done(tmp_path):
    trainer = Trainer(Line(), PLAN, tmp_path / "line.pt")
    assert not train("line", trainer, Team(), Clock(0))
    assert train("line", trainer, Team(), Clock())


def test_a_half_written_state_is_never_met(tmp_path, monkeypatch):
    trainer = finished(tmp_path, 0)
    before = (tmp_path / "line.pt").read_bytes()

    def broken(state, file):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        trainer.save()
    assert (tmp_path / "line.pt").read_bytes() == before


def test_the_rate_rises_stays_and_falls():
    plan = Plan(steps=100, rate=1.0, warm_up=10, flat_until=0.5)
    assert plan.rate_at(0) == pytest.approx(0.1)
    assert plan.rate_at(30) == 1.0
    assert plan.rate_at(75) == pytest.approx(0.51)
    assert plan.rate_at(100) == pytest.approx(0.02)


def test_slow_parameters_learn_more_slowly(tmp_path):
    plan = Plan(steps=10, rate=0.1, warm_up=1, slow=("bias",), slow_factor=0.0)
    trainer = Trainer(Line(), plan, tmp_path / "line.pt")
    bias = trainer.stage.network.bias.clone()
    trainer.make_step(Team())
    assert trainer.stage.network.bias.equal(bias)


def test_shares_cover_a_batch():
    numbers = [n for rank in range(3) for n in Team(rank, 3).share(10)]
    assert numbers == list(range(10))
