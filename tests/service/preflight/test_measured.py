"""A stopwatch over a job's events, and how what it saw is kept."""

import json
from dataclasses import replace

import pytest

from modules.schema.catalogue import CheckpointInfo
from modules.schema.event import ImageReady, Loading, Progress
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, Sampling, Size
from modules.schema.result import GeneratedImage
from modules.service.preflight.measured import Foretold, Stopwatch, errors_of, measured_from
from modules.service.preflight.work import work_of

MODEL = CheckpointInfo(title="m", name="m", path="m", stem="m", size=1000)
REQUEST = GenerationRequest(
    sampling=Sampling(sampler="Euler", steps=5), size=Size(width=512, height=512)
)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def image(path=""):
    return ImageReady(
        image=GeneratedImage(
            index=0, seed=1, subseed=1, prompt="", negative_prompt="", width=8, height=8, path=path
        )
    )


def played(request, plan, **more):
    """What a stopwatch sees of `plan`: pairs of seconds that pass and the event that follows."""
    clock = Clock()
    watch = Stopwatch(work=work_of(request, MODEL), clock=clock, **more)
    for seconds, event in plan:
        clock.now += seconds
        watch.heard(event)
    return watch


def steps(first, last, seconds, batch=0, of=5):
    for step in range(first, last + 1):
        yield seconds, Progress(step=step, steps=of, batch=batch, batches=1)


def test_calls_loading_and_the_rest_are_told_apart(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(bytes(1234))
    plan = [(0.5, Loading(what="m")), (3.0, next(steps(1, 1, 0))[1]), *steps(2, 5, 0.2)]
    seen = played(REQUEST, [*plan, (1.0, image(str(file)))], peak=lambda: 77).measured("CPU")
    assert seen.calls[0].seconds == pytest.approx(0.2)
    assert (seen.calls[0].samples, seen.calls[0].area) == (2, 1.0)
    assert seen.load == pytest.approx(2.8)
    assert seen.total == pytest.approx(5.3)
    assert seen.rest == pytest.approx(5.3 - 2.8 - 5 * 0.2)
    assert (seen.disk, seen.files, seen.peak, seen.device) == (1234, 1234, 77, "CPU")


def test_each_pass_has_a_price_of_its_own():
    request = replace(REQUEST, hires=Hires(scale=2.0, steps=4))
    plan = [*steps(1, 5, 0.1, of=9), *steps(6, 6, 2.0, of=9), *steps(7, 9, 0.6, of=9), (1, image())]
    first, second = played(request, plan).measured("CPU").calls
    assert first.seconds == pytest.approx(0.1)
    assert second.seconds == pytest.approx(0.6)


def test_a_sampler_that_calls_twice_pays_twice_a_step():
    request = replace(REQUEST, sampling=Sampling(sampler="Heun", steps=5))
    (calls,) = played(request, [*steps(1, 5, 0.9), (1, image())]).measured("CPU").calls
    assert calls.seconds == pytest.approx(0.5)  # nine calls in five steps


def test_a_job_that_was_not_drawn_whole_teaches_nothing():
    request = replace(REQUEST, batch=Batch(n_iter=2))
    assert played(request, [*steps(1, 5, 0.1), (0.1, image())]).measured("CPU") is None


def test_one_step_alone_tells_only_the_total():
    request = replace(REQUEST, sampling=Sampling(sampler="Euler", steps=1))
    seen = played(request, [*steps(1, 1, 0.4, of=1), (1, image())]).measured("CPU")
    assert seen.calls == ()
    assert seen.rest is None
    assert seen.total == pytest.approx(1.4)


def test_what_is_left_falls_as_steps_are_made():
    watch = played(REQUEST, steps(1, 2, 1.0))
    assert watch.remaining(10.0) == pytest.approx(8.0)
    late = played(REQUEST, steps(1, 4, 5.0))
    assert 0 < late.remaining(10.0) < 2


def test_measurements_survive_being_written_down():
    told = Foretold(seconds=1.0, memory=2.0, disk=3.0)
    seen = played(REQUEST, [*steps(1, 5, 0.1), (1, image())], foretold=told).measured("CPU")
    assert measured_from(seen.text()) == seen


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 99}'])
def test_what_cannot_be_read_is_passed_over(text):
    assert measured_from(text) is None


def test_fields_of_a_later_program_do_no_harm():
    seen = played(REQUEST, [*steps(1, 5, 0.1), (1, image())]).measured("CPU")
    text = json.dumps({**json.loads(seen.text()), "colour": "red"})
    assert measured_from(text) == seen


def test_errors_are_shares_of_what_came():
    told = Foretold(seconds=2.0, memory=0, disk=0)
    seen = played(REQUEST, [*steps(1, 5, 0.1), (1, image())], foretold=told).measured("CPU")
    assert errors_of([seen])["seconds"] == [pytest.approx(0.5 / 1.5)]
    assert errors_of([seen])["memory"] == []
