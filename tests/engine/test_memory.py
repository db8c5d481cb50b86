"""When memory runs out: something is given up, people are told, and the picture is the same."""

import pytest
import torch

from modules.engine.ladder import RUNGS, Ladder
from modules.engine.local import LocalEngine
from modules.errors import OutOfMemory
from modules.schema.cancel import Cancel
from modules.schema.event import Notice
from tests.engine.tiny import folder_with, pictures, request


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return folder_with(tmp_path_factory.mktemp("memory"), "tiny")


@pytest.fixture(scope="module")
def expected(paths):
    [picture] = pictures(LocalEngine(paths, device="cpu").run(request(), Cancel()))
    return picture


STAGES = {
    "loading": "modules.pipeline.ready.load_model",
    "conditioning": "modules.conditioning.conditioner.Conditioner.conditions",
    "first step": "modules.model.networks.unet.UNet.forward",
    "later step": "modules.model.networks.unet.UNet.forward",
    "decoding": "modules.model.networks.autoencoder.Autoencoder.decode",
    "finishing": "modules.pipeline.generate.finished",
}
"""Six places where memory may run out, and what is called there."""


def fail_at(monkeypatch, stage, times):
    """Let the memory run out `times` times at a stage; afterwards there is enough."""
    from pydoc import locate

    place = STAGES[stage]
    whole = locate(place)
    left = {"calls": 0, "failures": times}

    def fail(*arguments, **options):
        left["calls"] += 1
        if left["failures"] and (stage != "later step" or left["calls"] % 3 == 0):
            left["failures"] -= 1
            torch.empty(2**52)
        return whole(*arguments, **options)

    monkeypatch.setattr(place, fail)


@pytest.mark.parametrize("stage", STAGES)
def test_the_picture_is_drawn_with_less_and_people_are_told(paths, expected, monkeypatch, stage):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    with monkeypatch.context() as patch:
        fail_at(patch, stage, 1)
        events = list(engine.run(request(steps=1), Cancel()))
    notices = [event.message for event in events if isinstance(event, Notice)]
    if stage == "later step":
        assert not notices, "one step needs one call"
    elif stage == "decoding":
        assert notices == [], "the VAE takes tiles by itself, and one tile is the whole picture"
    else:
        assert notices == [RUNGS["one"]]
    assert pictures(events) == [expected]
    assert pictures(engine.run(request(), Cancel())) == [expected]


def test_pictures_that_are_finished_are_not_drawn_again(paths, monkeypatch):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    wish = request(images=3)
    whole = pictures(engine.run(wish, Cancel()))
    with monkeypatch.context() as patch:
        fail_at(patch, "later step", 1)  # in the third picture
        assert pictures(engine.run(wish, Cancel())) == whole


def test_when_nothing_helps_the_error_says_so_and_the_next_job_works(paths, expected, monkeypatch):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    with monkeypatch.context() as patch:
        fail_at(patch, "conditioning", 100)
        with pytest.raises(OutOfMemory, match="not enough"):
            list(engine.run(request(), Cancel()))
    assert pictures(engine.run(request(), Cancel())) == [expected]


@pytest.mark.parametrize("hint", ["all", "one", "layers"])
def test_every_policy_draws_the_same_picture(paths, expected, hint):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None, memory=hint)
    assert pictures(engine.run(request(), Cancel())) == [expected]


def test_smaller_pictures_are_spared_what_larger_ones_needed():
    ladder = Ladder()
    large, small = request(side=512), request(side=256)
    assert ladder.below(large, "all", "all", alone=True) == "one"
    assert ladder.start(large) == "one"
    assert ladder.start(small) == "all"


def test_the_others_are_put_away_before_anything_is_given_up():
    assert Ladder().below(request(), "all", "all", alone=False) == "all"
