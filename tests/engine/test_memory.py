"""When memory runs out: something is given up, people are told, and the picture is the same."""

import pytest

from benchmarks.shortage import rounds_of_shortage, shortage
from modules.engine.ladder import RUNGS, Ladder
from modules.engine.local import LocalEngine
from modules.errors import OutOfMemory
from modules.schema.cancel import Cancel
from modules.schema.event import Notice
from modules.service.app import build_app
from modules.settings.launch import Launch
from tests.engine.tiny import folder_with, pictures, request


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return folder_with(tmp_path_factory.mktemp("memory"), "tiny")


@pytest.fixture(scope="module")
def expected(paths):
    [picture] = pictures(LocalEngine(paths, device="cpu").run(request(), Cancel()))
    return picture


@pytest.mark.parametrize("stage", ["first step", "decoding"])
def test_the_picture_is_drawn_with_less_and_people_are_told(paths, expected, stage):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    with shortage(stage):
        events = list(engine.run(request(steps=1), Cancel()))
    notices = [event.message for event in events if isinstance(event, Notice)]
    if stage == "decoding":
        assert notices == [], "the VAE takes tiles by itself, and one tile is the whole picture"
    else:
        assert notices == [RUNGS["one"]]
    assert pictures(events) == [expected]
    assert pictures(engine.run(request(), Cancel())) == [expected]


def test_pictures_that_are_finished_are_not_drawn_again(paths):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    wish = request(images=3)
    whole = pictures(engine.run(wish, Cancel()))
    with shortage("later step"):  # in the third picture
        assert pictures(engine.run(wish, Cancel())) == whole


def test_when_nothing_helps_the_error_says_so_and_the_next_job_works(paths, expected):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    with shortage("conditioning", 100), pytest.raises(OutOfMemory, match="not enough"):
        list(engine.run(request(), Cancel()))
    assert pictures(engine.run(request(), Cancel())) == [expected]


@pytest.mark.parametrize("hint", ["one", "layers"])
def test_every_policy_draws_the_same_picture(paths, expected, hint):
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None, memory=hint)
    assert pictures(engine.run(request(), Cancel())) == [expected]


def test_smaller_pictures_are_spared_what_larger_ones_needed():
    ladder = Ladder()
    large, small = request(side=512), request(side=256)
    assert ladder.below(large, "all", "all", freed=False) == "one"
    assert ladder.start(large) == "one"
    assert ladder.start(small) == "all"


def test_the_others_are_put_away_before_anything_is_given_up():
    assert Ladder().below(request(), "all", "all", freed=True) == "all"


@pytest.mark.slow
def test_after_a_shortage_at_any_stage_the_next_job_is_fine(paths):
    """One round; the benchmark runs as many as asked."""
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
    app = build_app(paths, Launch(data_dir=str(paths.data)), engine)
    try:
        found = rounds_of_shortage(app, 1, ("conditioning", "saving"))
    finally:
        app.close()
    assert set(found.values()) == {1}
    assert len(found) == 4
