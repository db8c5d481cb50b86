"""How many steps a pass over a picture makes, and where it starts."""

import pytest
import torch

from modules.errors import InvalidRequest
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.plan import FromPicture, PassOptions, SamplingPass
from tests.sampling.toy import sd_alphas


def plan(picture: FromPicture, sampler: str = "Euler", steps: int = 20) -> SamplingPass:
    return SamplingPass(resolve_sampler(sampler), steps, sd_alphas(), PassOptions(), picture)


@pytest.mark.parametrize(
    ("strength", "made"), [(0.75, 16), (1.0, 20), (0.5, 11), (0.05, 2), (0.0, 1)]
)
def test_less_strength_means_fewer_steps(strength: float, made: int) -> None:
    found = plan(FromPicture(strength=strength))
    assert (found.steps, len(found.grid)) == (made, made + 1)
    assert found.prompt_evaluations == 20


@pytest.mark.parametrize(
    ("steps", "strength", "schedule", "start"),
    [(20, 0.75, 26, 6), (10, 0.35, 28, 18), (15, 0.5, 30, 15), (20, 0.7, 28, 8), (10, 1.0, 10, 0)],
)
def test_exact_steps_come_from_a_longer_schedule(
    steps: int, strength: float, schedule: int, start: int
) -> None:
    found = plan(FromPicture(strength=strength, exact=True), steps=steps)
    assert len(found.full_grid) == schedule + 1
    assert found.steps == steps
    assert found.grid[0] == found.full_grid[start]


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "UniPC", "DPM fast", "DPM++ 2M SDE"])
def test_no_strength_with_exact_steps_leaves_the_picture_alone(sampler: str) -> None:
    found = plan(FromPicture(strength=0.0, exact=True, extra_noise=0.5), sampler)
    latent = torch.randn(1, 4, 4, 4)
    assert torch.equal(found.start_from(latent, torch.randn(1, 4, 4, 4)), latent)
    assert list(found.run(None, latent, None)) == []  # type: ignore[arg-type]


def test_noise_of_the_level_lies_over_the_picture() -> None:
    found = plan(FromPicture(strength=0.5))
    latent, noise = torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4)
    assert torch.equal(found.start_from(latent, noise), latent + noise * found.grid[0])
    more = plan(FromPicture(strength=0.5, extra_noise=0.2)).start_from(latent, noise)
    assert torch.equal(more, latent + noise * found.grid[0] + noise * 0.2)


def test_samplers_of_timesteps_keep_the_variance() -> None:
    found = plan(FromPicture(strength=0.5), "DDIM")
    assert found.grid.tolist() == list(range(1, 500, 50))
    x = found.start_from(torch.randn(1, 4, 64, 64), torch.randn(1, 4, 64, 64))
    assert float(x.std()) == pytest.approx(1, abs=0.03)


def test_a_schedule_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="too many"):
        plan(FromPicture(strength=1e-9, exact=True))


def test_prompts_of_second_order_samplers_count_evaluations_unless_steps_are_asked_for() -> None:
    for once, count in ((False, 40), (True, 20)):
        options = PassOptions(single_count=once)
        made = SamplingPass(resolve_sampler("Heun"), 20, sd_alphas(), options)
        assert (made.prompt_evaluations, made.evaluations) == (count, 40)
