"""The same algorithms in another library, fed our noise levels and the same toy network.

Its schedulers keep latents in unit variance or round in other places, so results agree within
float32 rounding of values around 10, not in every bit.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from modules.sampling.samplers.ddim import ddim_compvis
from modules.sampling.samplers.dpmpp_2m import dpmpp_2m
from modules.sampling.samplers.dpmpp_2m_sde import dpmpp_2m_sde, dpmpp_2m_sde_heun
from modules.sampling.samplers.euler import euler
from modules.sampling.samplers.heun import heun
from modules.sampling.samplers.lms import lms
from modules.sampling.samplers.plms import plms_compvis
from modules.sampling.step import Options, Step, TimestepGrid
from tests.sampling.toy import TanhDenoiser, TanhNoise, half, last, sd_alphas

pytestmark = [
    pytest.mark.slow,
    # its schedulers hand tensors to numpy in a way numpy 2 is going to refuse
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TRAINING = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
START = 3.0


def noise_in(x: Tensor, sigma: Tensor) -> Tensor:
    """What a network would say where `TanhDenoiser` denoises."""
    return (x - TanhDenoiser()(x, sigma)) / sigma


def ours(sampler: Callable[..., Iterator[Step]], sigmas: Tensor) -> float:
    start = torch.full((1, 1, 1, 1), START) * sigmas[0]
    return last(sampler(TanhDenoiser(), start, sigmas, half, Options()))


@pytest.mark.parametrize("steps", [5, 20])
@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        (euler, "EulerDiscreteScheduler"),
        (heun, "HeunDiscreteScheduler"),
        (lms, "LMSDiscreteScheduler"),
    ],
)
def test_samplers_in_sigma_space_agree(
    sampler: Callable[..., Iterator[Step]], name: str, steps: int
) -> None:
    import diffusers

    scheduler = getattr(diffusers, name)(**TRAINING, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.clone()
    x = torch.full((1, 1, 1, 1), START) * sigmas[0]
    for index, timestep in enumerate(scheduler.timesteps):
        scheduler.scale_model_input(x, timestep)  # it insists; the toy network wants x itself
        x = scheduler.step(noise_in(x, sigmas[index]), timestep, x).prev_sample
    kept = torch.cat([sigmas[:1], sigmas[1::2]]) if name.startswith("Heun") else sigmas
    assert ours(sampler, kept) == pytest.approx(float(x), rel=2e-4)


@pytest.mark.parametrize(
    ("sampler", "algorithm", "solver"),
    [
        (dpmpp_2m, "dpmsolver++", "midpoint"),
        (dpmpp_2m_sde, "sde-dpmsolver++", "midpoint"),
        (dpmpp_2m_sde_heun, "sde-dpmsolver++", "heun"),
    ],
)
def test_multistep_samplers_agree_with_those_in_unit_variance(
    sampler: Callable[..., Iterator[Step]], algorithm: str, solver: str
) -> None:
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        **TRAINING,
        use_karras_sigmas=True,
        algorithm_type=algorithm,
        solver_type=solver,
        solver_order=2,
        lower_order_final=False,
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(20)
    sigmas = scheduler.sigmas.clone()
    x = torch.full((1, 1, 1, 1), START) * sigmas[0] / (1 + sigmas[0] ** 2) ** 0.5
    for index, timestep in enumerate(scheduler.timesteps):
        eps = noise_in(x * (1 + sigmas[index] ** 2) ** 0.5, sigmas[index])
        noise = torch.full_like(x, 0.5)
        x = scheduler.step(eps, timestep, x, variance_noise=noise).prev_sample
    assert ours(sampler, sigmas) == pytest.approx(float(x), rel=2e-4)


@pytest.mark.parametrize(
    ("sampler", "name", "more"),
    [
        (ddim_compvis, "DDIMScheduler", {"clip_sample": False}),
        (plms_compvis, "PNDMScheduler", {"skip_prk_steps": True}),
    ],
)
def test_the_first_scripts_samplers_agree(
    sampler: Callable[..., Iterator[Step]], name: str, more: dict[str, bool]
) -> None:
    import diffusers

    scheduler = getattr(diffusers, name)(
        **TRAINING, **more, steps_offset=1, set_alpha_to_one=False, timestep_spacing="leading"
    )
    scheduler.set_timesteps(20)
    model, x = TanhNoise(), torch.full((1, 1, 1, 1), 1.5)
    for timestep in scheduler.timesteps:
        x = scheduler.step(model(x, timestep), timestep, x).prev_sample
    grid = TimestepGrid(timesteps=torch.arange(1, 1000, 50), alphas_cumprod=sd_alphas().double())
    start = torch.full((1, 1, 1, 1), 1.5)
    got = last(sampler(TanhNoise(), start, grid, half, Options(eta=0.0)))
    assert got == pytest.approx(float(x), rel=1e-5)
