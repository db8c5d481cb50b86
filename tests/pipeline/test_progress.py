"""Progress and the time that is left."""

import pytest
import torch

from modules.pipeline.progress import ProgressMeter, steps_done
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.plan import PassOptions, SamplingPass
from tests.sampling.toy import sd_alphas


class Clock:
    """A clock that stands still until told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rest_takes_as_long_as_what_is_done_did() -> None:
    clock = Clock()
    meter = ProgressMeter(4, clock=clock)
    clock.now = 10.0
    event = meter.at(10, 20, 0)  # an eighth of the job
    assert event.fraction == 0.125
    assert event.eta_s == pytest.approx(70)


def test_batches_done_before_a_crash_do_not_count_as_quick_ones() -> None:
    clock = Clock()
    meter = ProgressMeter(4, first_batch=2, clock=clock)
    clock.now = 10.0
    event = meter.at(20, 20, 2)
    assert event.fraction == 0.75
    assert event.eta_s == pytest.approx(10)


def plan(name: str, steps: int = 10) -> SamplingPass:
    return SamplingPass(resolve_sampler(name), steps, sd_alphas(), PassOptions())


def test_steps_of_second_order_take_two_evaluations() -> None:
    at = torch.tensor(1.0)
    assert steps_done(plan("Heun"), 2, at) == 1
    assert steps_done(plan("Heun"), 19, at) == 10
    assert steps_done(plan("PLMS"), 11, at) == 10


def test_an_adaptive_sampler_is_as_far_as_its_noise_has_fallen() -> None:
    adaptive = plan("DPM adaptive")
    assert steps_done(adaptive, 500, torch.tensor(14.6)) == 0
    assert steps_done(adaptive, 500, torch.tensor(0.6529)) == 5
    assert steps_done(adaptive, 500, torch.tensor(0.0292)) == 10
