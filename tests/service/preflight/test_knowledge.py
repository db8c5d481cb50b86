"""What is foretold: of jobs like those before, of others, and of the first."""

from dataclasses import replace

import pytest

from modules.schema.catalogue import CheckpointInfo
from modules.schema.control import ControlUnit
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, SamplerOptions, Sampling, Size
from modules.service.preflight.knowledge import GUESS, MEASURED, SIMILAR, Knowledge
from modules.service.preflight.measured import Calls, Foretold, Measured
from modules.service.preflight.work import work_of

MODEL = CheckpointInfo(title="m", name="m", path="m", stem="m", size=2_130_000_000, family="sd1")
REQUEST = GenerationRequest(
    sampling=Sampling(sampler="Euler", steps=20), size=Size(width=512, height=512)
)
CALL_S, REST_S, LOAD_S = 0.4, 0.5, 2.0


def call_s(samples, area):
    return 0.01 + CALL_S * samples * area


def drawn(request, *, loaded=False, slower=1.0, foretold=None):
    """A job as a machine would draw it on which all follows a rule."""
    work = work_of(request, MODEL)
    calls = tuple(
        Calls(samples=p.samples, area=p.area, seconds=slower * call_s(p.samples, p.area))
        for p in work.passes
    )
    rest = REST_S * work.images * work.area
    pairs = zip(work.passes, calls, strict=True)
    total = rest + sum(p.calls * c.seconds for p, c in pairs) * work.batches
    return Measured(
        device="CPU",
        kind=work.kind,
        mode=work.mode,
        manner=work.manner,
        format="png",
        total=total + (LOAD_S if loaded else 0.0),
        calls=calls,
        rest=rest,
        load=LOAD_S if loaded else None,
        weight=MODEL.size,
        batches=work.batches,
        images=work.images,
        area=work.area,
        samples=work.largest.samples,
        span=work.largest.area,
        peak=int(3e9 + 5e8 * work.largest.samples * work.largest.area),
        disk=int(400e3 * work.area),
        files=int(400e3 * work.area) * work.images,
        foretold=foretold,
    )


def taught(*requests):
    knowledge = Knowledge()
    for request in requests:
        knowledge.learn(drawn(request))
    return knowledge


def sized(side, **more):
    return replace(REQUEST, size=Size(width=side, height=side), **more)


def foreseen(knowledge, request, *, loads=False, model=MODEL, device="CPU"):
    return knowledge.foresee(work_of(request, model), device, loads=loads, cold=False)


LESSONS = [sized(256), sized(512), sized(768), sized(384, batch=Batch(batch_size=2))]


def test_jobs_between_those_measured_are_foretold_closely():
    knowledge = taught(*LESSONS)
    for request in (sized(640), sized(320, batch=Batch(batch_size=3, n_iter=2))):
        told = foreseen(knowledge, request)
        assert told.seconds == pytest.approx(drawn(request).total, rel=0.05)
        assert told.memory == pytest.approx(drawn(request).peak, rel=0.05)
        assert told.disk == pytest.approx(drawn(request).files, rel=0.05)
        assert told.basis == MEASURED
        assert told.low < told.seconds < told.high


def test_the_first_job_of_all_is_a_wide_guess():
    told = foreseen(Knowledge(), REQUEST)
    assert told.basis == GUESS
    assert told.high > 5 * told.low > 0


def test_another_kind_of_model_is_foretold_by_the_pace_of_the_device():
    knowledge = taught(*LESSONS)
    large = replace(MODEL, size=6_940_000_000, family="sdxl")
    slow, told = (
        foreseen(Knowledge(), sized(1024), model=large),
        foreseen(knowledge, sized(1024), model=large),
    )
    assert told.basis == GUESS
    pace = drawn(REQUEST).calls[0].seconds / foreseen(Knowledge(), REQUEST).seconds
    assert told.seconds != pytest.approx(slow.seconds, rel=0.01)
    assert pace > 0


def test_what_is_far_larger_than_anything_measured_is_only_similar():
    assert foreseen(taught(sized(256)), sized(1024)).basis == SIMILAR
    assert foreseen(taught(*LESSONS), replace(REQUEST, hires=Hires(scale=2.0))).basis == SIMILAR


def test_loading_comes_on_top_as_it_was_measured():
    knowledge = taught(*LESSONS)
    knowledge.learn(drawn(REQUEST, loaded=True))
    there, away = foreseen(knowledge, REQUEST), foreseen(knowledge, REQUEST, loads=True)
    assert away.seconds - there.seconds == pytest.approx(LOAD_S)


def test_a_mode_has_a_usual_price_until_its_own_is_known():
    knowledge = taught(*LESSONS)
    merging = replace(REQUEST, options=SamplerOptions(token_merging=0.5))
    plain = foreseen(knowledge, REQUEST).seconds
    assert foreseen(knowledge, merging).seconds < plain
    knowledge.learn(drawn(merging, slower=0.5))
    calls = 20 * call_s(2, 1.0)
    told = foreseen(knowledge, merging)
    assert plain - told.seconds == pytest.approx(calls / 2, rel=0.05)
    assert told.basis == MEASURED


def test_units_of_control_cost_more():
    knowledge = taught(*LESSONS)
    controlled = replace(REQUEST, control=(ControlUnit(enabled=True),))
    assert foreseen(knowledge, controlled).seconds > foreseen(knowledge, REQUEST).seconds * 1.2


def test_a_machine_that_is_busy_of_late_is_foretold_to_be_slow():
    knowledge = taught(*LESSONS * 8)
    before = foreseen(knowledge, REQUEST).seconds
    for _ in range(5):
        knowledge.learn(drawn(REQUEST, slower=1.5))
    assert foreseen(knowledge, REQUEST).seconds == pytest.approx(before * 1.5**0.5, rel=0.1)
    for _ in range(5):
        knowledge.learn(drawn(REQUEST))
    assert foreseen(knowledge, REQUEST).seconds == pytest.approx(before, rel=0.1)


def test_the_error_that_was_made_is_told_and_sets_the_range():
    knowledge = taught(*LESSONS)
    assert knowledge.accuracy().seconds is None
    for share in (0.9, 1.0, 1.1, 1.2):
        total = drawn(REQUEST).total
        told = Foretold(seconds=total * share, memory=3e9, disk=0)
        knowledge.learn(drawn(REQUEST, foretold=told))
    accuracy = knowledge.accuracy()
    assert accuracy.jobs == 4
    assert accuracy.seconds == pytest.approx(0.1)
    assert accuracy.disk is None
    told = foreseen(knowledge, REQUEST)
    assert told.high / told.seconds == pytest.approx(1.2)


def test_formats_differ_on_disk():
    knowledge = taught(*LESSONS)
    work = work_of(REQUEST, MODEL, format="jpg")
    assert knowledge.foresee(work, "CPU", loads=False, cold=False).disk < 200e3
    unsaved = work_of(REQUEST, MODEL, saved=False)
    assert knowledge.foresee(unsaved, "CPU", loads=False, cold=False).disk == 0
