"""Foretelling within the program: learned from jobs, kept over a restart, with the line before."""

from dataclasses import replace

import pytest

from modules.engine.fake import FakeEngine
from modules.errors import NotFound
from modules.schema.request import Batch, GenerationRequest, Sampling, Size
from modules.schema.script_call import ScriptCall
from modules.service.app import build_app
from modules.service.preflight.desk import setup_of
from modules.settings.launch import Launch
from modules.settings.settings import Settings

REQUEST = GenerationRequest(
    prompt="a cat", size=Size(width=64, height=64), sampling=Sampling(sampler="Euler", steps=10)
)
STEP_S = 0.01


def make_app(data):
    launch = Launch(data_dir=str(data))
    return build_app(launch.paths(), launch, FakeEngine(step_s=STEP_S))


def draw(app, request, **more):
    job = app.submit(request, **more)
    for _ in app.follow(job.id, timeout=30):
        pass
    assert app.snapshot(job.id).status == "finished"


@pytest.fixture
def app(tmp_path):
    made = make_app(tmp_path)
    yield made
    made.close()


def test_a_drawn_job_teaches_what_the_next_will_take(app):
    assert app.estimate(REQUEST).foreseen.basis == "guess"
    draw(app, REQUEST)
    told = app.estimate(REQUEST)
    assert told.foreseen.basis == "measured"
    assert 10 * STEP_S < told.foreseen.seconds < 10 * STEP_S + 2
    more = app.estimate(replace(REQUEST, sampling=Sampling(sampler="Euler", steps=100)))
    assert more.foreseen.seconds - told.foreseen.seconds > 80 * STEP_S


def test_what_was_learned_survives_a_restart(tmp_path):
    app = make_app(tmp_path)
    draw(app, REQUEST)
    draw(app, REQUEST)
    before = app.estimate(REQUEST)
    app.close()
    again = make_app(tmp_path)
    after = again.estimate(REQUEST)
    again.close()
    drawing = after.foreseen.seconds - after.foreseen.load  # nothing is in memory yet
    assert drawing == pytest.approx(before.foreseen.seconds)
    assert after.accuracy == before.accuracy
    assert after.accuracy.jobs == 1


def test_a_stopped_job_teaches_nothing(app):
    job = app.submit(replace(REQUEST, sampling=Sampling(sampler="Euler", steps=500)))
    while app.snapshot(job.id).step < 1:
        pass
    app.stop(job.id)
    for _ in app.follow(job.id, timeout=30):
        pass
    assert app.estimate(REQUEST).foreseen.basis == "guess"


def test_the_line_before_a_job_is_waited_for(app):
    draw(app, REQUEST)
    assert app.estimate(REQUEST).wait == 0
    app.control.pause("tests")
    for _ in range(3):
        app.submit(REQUEST)
    told = app.estimate(REQUEST)
    assert told.wait == pytest.approx(3 * told.foreseen.seconds, rel=0.1)
    assert told.paused


def test_disk_counts_the_grid_and_nothing_that_is_not_saved(app):
    draw(app, REQUEST)
    one = app.estimate(REQUEST).foreseen.disk
    four = app.estimate(replace(REQUEST, batch=Batch(n_iter=4))).foreseen.disk
    assert four == pytest.approx(8 * one)
    assert app.estimate(REQUEST, save=False).foreseen.disk == 0


def test_a_script_counts_all_its_pictures(app):
    draw(app, REQUEST)
    plot = ScriptCall(name="X/Y/Z plot", args={"x_type": "Seed", "x_values": "1,2,3,4"})
    told = app.estimate(replace(REQUEST, script=plot))
    assert told.images == 4
    assert told.foreseen.seconds > 2 * app.estimate(REQUEST).foreseen.seconds


def test_what_cannot_be_drawn_is_refused_as_when_it_is_handed_in(app):
    with pytest.raises(NotFound):
        app.estimate(replace(REQUEST, sampling=Sampling(sampler="Eulerr")))


def test_a_job_that_is_too_large_says_so_and_may_be_handed_in_all_the_same(app):
    draw(app, REQUEST)
    huge = replace(REQUEST, size=Size(width=2048, height=2048), batch=Batch(n_iter=10_000))
    told = app.estimate(huge)
    assert not app.estimate(REQUEST).disk_lacks
    assert replace(told, disk_free=10**9).disk_lacks
    assert replace(told, memory_free=10**6, resident=0).memory_lacks
    assert not replace(told, memory_free=10**13).memory_lacks
    app.control.pause("tests")
    assert app.submit(huge).id


def test_a_named_speed_is_foretold_as_what_it_means(app):
    draw(app, REQUEST)
    fast = replace(REQUEST, options=replace(REQUEST.options, speed="Fast"))
    draw(app, fast)
    assert app.estimate(fast).foreseen.basis == "measured"
    assert app.estimate(replace(REQUEST, control=())).foreseen.basis == "measured"


def test_flags_that_make_a_device_slower_make_it_another():
    usual, settings = setup_of(Launch(), Settings()), Settings()
    assert usual == ""
    assert setup_of(Launch(no_half=True), settings) == "full precision"
    assert (
        setup_of(Launch(lowvram=True, compile=True), settings) == "memory policy layers, compiled"
    )
