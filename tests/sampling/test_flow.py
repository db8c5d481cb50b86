"""Rectified flow in the words of all other models."""

import pytest
import torch
from torch import Tensor

from modules.model.schedules import FlowSchedule
from modules.sampling.catalogue import SAMPLERS, SCHEDULES, resolve_sampler
from modules.sampling.flow import Flow, FlowAtTimestep
from modules.sampling.plan import PassOptions, SamplingPass
from modules.sampling.prediction import SigmaTable


def flow_alphas(shift: float) -> Tensor:
    """What is left of the signal at the levels of straight paths."""
    return FlowSchedule(shift=shift).alphas_cumprod()


PICTURE = torch.tensor([0.3, -1.2]).reshape(1, 1, 1, 2)


def straight_to_picture(x: Tensor, timesteps: Tensor, context: None) -> Tensor:
    """The velocity that leads from any point of the path straight to the picture."""
    t = (timesteps / 1000).reshape(-1, 1, 1, 1)
    return (x - PICTURE) / t


def test_levels_are_shifted_as_the_paper_says() -> None:
    sigmas = SigmaTable(flow_alphas(3.0)).sigmas
    t = torch.arange(1, 1000, dtype=torch.float64) / 1000
    assert torch.allclose((sigmas / (1 + sigmas))[:-1], 3 * t / (1 + 2 * t), atol=1e-12)
    assert bool((sigmas.diff() > 0).all())


def test_the_network_is_asked_on_its_own_path() -> None:
    asked = []

    def network(x: Tensor, timesteps: Tensor, context: None) -> Tensor:
        asked.append((x, timesteps))
        return torch.zeros_like(x)

    noise, t = torch.randn(2, 1, 1, 2), torch.tensor([0.25, 0.8])
    sigma = t / (1 - t)
    rows = sigma.reshape(2, 1, 1, 1)
    Flow(network)(PICTURE + rows * noise, sigma, None)
    x, timesteps = asked[0]
    path = t.reshape(2, 1, 1, 1)
    assert torch.allclose(timesteps, t * 1000)
    assert torch.allclose(x, (1 - path) * PICTURE + path * noise, atol=1e-6)


def test_an_euler_step_is_that_of_the_straight_path() -> None:
    velocity = torch.randn(1, 1, 1, 2)
    t, after = 0.6, 0.45
    start = torch.randn(1, 1, 1, 2)
    x, sigma, sigma_after = start / (1 - t), torch.tensor([t / (1 - t)]), after / (1 - after)
    denoised = Flow(lambda *_: velocity)(x, sigma, None)
    x = x + (x - denoised) / sigma * (sigma_after - sigma)
    assert torch.allclose(x * (1 - after), start + (after - t) * velocity, atol=1e-6)


@pytest.mark.parametrize("level", [3, 500, 999])
def test_noise_at_a_timestep_leads_to_the_same_picture(level: int) -> None:
    alphas = flow_alphas(3.0)
    alpha = float(alphas[level])
    noise = torch.randn(1, 1, 1, 2)
    x = alpha**0.5 * PICTURE + (1 - alpha) ** 0.5 * noise
    found = FlowAtTimestep(straight_to_picture, alphas)(x, torch.tensor([level]), None)
    assert torch.allclose(found, noise, atol=2e-4)


@pytest.mark.parametrize("kind", [Flow, FlowAtTimestep])
def test_outputs_and_what_samplers_use_are_inverse(kind: type) -> None:
    prediction = (
        Flow(lambda *_: PICTURE)
        if kind is Flow
        else FlowAtTimestep(lambda *_: PICTURE, flow_alphas(1.0))
    )
    x, level, output = torch.randn(2, 1, 1, 2), torch.tensor([3.0, 90.0]), torch.randn(2, 1, 1, 2)
    combined = prediction.from_output(x, level, output)
    assert torch.allclose(prediction.to_output(x, level, combined), output, atol=1e-4)


@pytest.mark.parametrize("sampler", [sampler.name for sampler in SAMPLERS])
def test_every_sampler_finds_the_picture_at_the_end_of_the_path(sampler: str) -> None:
    options = PassOptions(prediction="flow")
    plan = SamplingPass(resolve_sampler(sampler), 12, flow_alphas(3.0), options)
    generator = torch.Generator().manual_seed(1)

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        return torch.randn(PICTURE.shape, generator=generator)

    class Guided:
        """What samplers see of guidance."""

        last_uncond: Tensor | None = None
        count = 0

        def __call__(self, x: Tensor, level: Tensor) -> Tensor:
            self.last_uncond = prediction(x, level.reshape(1).float(), None)
            self.count += 1
            return self.last_uncond

    prediction = plan.prediction(straight_to_picture)
    *_, last = plan.run(Guided(), plan.start(torch.randn(PICTURE.shape)), noise)
    assert torch.allclose(last.x, PICTURE, atol=0.05)


@pytest.mark.parametrize("schedule", [schedule.name for schedule in SCHEDULES])
def test_every_schedule_lays_out_levels_of_the_path(schedule: str) -> None:
    plan = SamplingPass(
        resolve_sampler("Euler", schedule), 8, flow_alphas(3.0), PassOptions(prediction="flow")
    )
    assert float(plan.grid[-1]) < 0.01  # one schedule ends at the smallest level, not at zero
    assert bool((plan.grid.diff() < 0).all()) and bool(plan.grid.isfinite().all())
