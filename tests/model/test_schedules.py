"""The noise that models were trained with."""

import math

import pytest
import torch

from modules.model.schedules import FlowSchedule, NoiseSchedule


def times(schedule):
    """The t of each level of straight paths."""
    alphas = schedule.alphas_cumprod()
    sigmas = ((1 - alphas) / alphas).sqrt()
    return sigmas / (1 + sigmas)


def test_stable_diffusions_levels_begin_and_end_where_they_are_known_to():
    alphas = NoiseSchedule().alphas_cumprod()
    sigmas = ((1 - alphas) / alphas).sqrt()
    assert float(sigmas[0]) == pytest.approx(0.0292, abs=1e-4)
    assert float(sigmas[-1]) == pytest.approx(14.6146, abs=1e-3)


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.5])
def test_levels_of_straight_paths_are_shifted_as_the_paper_says(shift):
    t = torch.arange(1, 1000, dtype=torch.float64) / 1000
    found = times(FlowSchedule(shift=shift))
    assert torch.allclose(found[:-1], shift * t / (1 + (shift - 1) * t), atol=1e-12)
    assert bool((found.diff() > 0).all()) and float(found[-1]) < 1


@pytest.mark.parametrize("patches, expected", [(256, 0.5), (4096, 1.15), (1024, 0.63)])
def test_the_shift_of_a_larger_picture_is_larger(patches, expected):
    schedule = FlowSchedule(shift=math.exp(1.15), small_shift=math.exp(0.5))
    assert math.log(schedule.for_patches(patches).shift) == pytest.approx(expected, abs=1e-6)


def test_a_fixed_shift_does_not_follow_the_size():
    schedule = FlowSchedule(shift=3.0)
    assert schedule.for_patches(256) is schedule
