"""Every sampler against reference results on toy models, orders of convergence, other programs."""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from modules.errors import InvalidRequest
from modules.sampling.catalogue import SAMPLERS, Sampler, resolve_sampler
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.noise import NoiseOptions, SeededNoise
from modules.sampling.plan import PassOptions, SamplingPass, load_sampler
from modules.sampling.samplers.ddim import ddim, ddim_cfgpp, ddim_compvis
from modules.sampling.samplers.dpm2 import dpm_2, dpm_2_ancestral
from modules.sampling.samplers.dpm_solver import dpm_adaptive, dpm_fast
from modules.sampling.samplers.dpmpp_2m import dpmpp_2m
from modules.sampling.samplers.dpmpp_2m_sde import dpmpp_2m_sde, dpmpp_2m_sde_heun
from modules.sampling.samplers.dpmpp_2s import dpmpp_2s_ancestral
from modules.sampling.samplers.dpmpp_3m_sde import dpmpp_3m_sde
from modules.sampling.samplers.dpmpp_sde import dpmpp_sde
from modules.sampling.samplers.euler import euler, euler_ancestral
from modules.sampling.samplers.heun import heun
from modules.sampling.samplers.lms import lms
from modules.sampling.samplers.plms import plms, plms_compvis
from modules.sampling.samplers.restart import restart, restart_plan
from modules.sampling.samplers.unipc import unipc
from modules.sampling.schedules.karras import karras_ramp
from modules.sampling.step import Options, Step, TimestepGrid
from tests.sampling.toy import TanhDenoiser, TanhNoise, Texts, half, last, sd_alphas

SIGMAS = torch.tensor([10.0, 5.0, 2.0, 1.0, 0.5, 0.0])
ALPHAS = sd_alphas()
START = torch.tensor([[[[10.0]]]])
GRID = TimestepGrid(
    timesteps=torch.tensor([1, 201, 401, 601, 801]), alphas_cumprod=sd_alphas().double()
)
GRID_FROM_IMAGE = TimestepGrid(
    timesteps=GRID.timesteps[:4], alphas_cumprod=GRID.alphas_cumprod, partial=True
)


@pytest.mark.parametrize(
    ("sampler", "options", "result", "calls"),
    [
        (euler, Options(), 0.450224, 5),
        (euler, Options(s_churn=2.0), 0.482175, 5),
        (euler_ancestral, Options(), 0.442946, 5),
        (euler_ancestral, Options(eta=0.5), 0.523980, 5),
        (heun, Options(), 0.479802, 9),
        (dpm_2, Options(), 0.472820, 9),
        (dpm_2_ancestral, Options(), 0.491774, 9),
        (lms, Options(), 0.471579, 5),
        (dpmpp_2s_ancestral, Options(), 0.464710, 9),
        (dpmpp_sde, Options(), 0.463343, 9),
        (dpmpp_2m, Options(), 0.468173, 5),
        (dpmpp_2m_sde, Options(), 0.463133, 5),
        (dpmpp_2m_sde_heun, Options(), 0.467784, 5),
        (dpmpp_3m_sde, Options(), 0.468333, 5),
    ],
)
def test_a_sampler_arrives_where_the_original_algorithm_does(
    sampler: Callable[..., Iterator[Step]], options: Options, result: float, calls: int
) -> None:
    model = TanhDenoiser()
    assert last(sampler(model, START, SIGMAS, half, options)) == pytest.approx(result, abs=2e-6)
    assert model.calls == calls


@pytest.mark.parametrize(
    ("calls", "eta", "result"),
    [(5, 1.0, 0.824084), (6, 1.0, 0.851581), (7, 1.0, 0.749322), (5, 0.0, 0.960484)],
)
def test_dpm_fast_spends_exactly_its_evaluations(calls: int, eta: float, result: float) -> None:
    model = TanhDenoiser()
    options = Options(eta=eta, span=(0.5, 10.0))
    got = last(dpm_fast(model, START, torch.zeros(calls + 1), half, options))
    assert got == pytest.approx(result, abs=2e-6)
    assert model.calls == calls


@pytest.mark.parametrize(("eta", "result"), [(1.0, 0.870817), (0.0, 0.851462)])
def test_dpm_adaptive_chooses_the_original_steps(eta: float, result: float) -> None:
    model = TanhDenoiser()
    options = Options(eta=eta, span=(0.5, 10.0))
    got = last(dpm_adaptive(model, START, torch.zeros(2), half, options))
    assert got == pytest.approx(result, abs=1e-4)
    assert model.calls == 15


def test_restart_goes_back_up_once_in_twenty_steps() -> None:
    sigmas = karras_ramp(20, 0.0291675, 14.6146422)
    model = TanhDenoiser()
    got = last(restart(model, START, sigmas, half, Options()))
    assert got == pytest.approx(0.337143, abs=2e-6)
    assert model.calls == 39


def test_the_restart_plan_is_the_published_one() -> None:
    levels = [round(float(a), 4) for a, _ in restart_plan(karras_ramp(20, 0.0291675, 14.6146422))]
    assert levels[:10] == [
        14.6146, 9.5583, 6.0822, 3.7513, 2.2322, 1.2741, 0.6926, 0.3552, 0.1698, 2.2322,
    ]  # fmt: skip
    assert levels[10:] == [
        1.6438, 1.1937, 0.8537, 0.6003, 0.4143, 0.2801, 0.1850, 0.1190, 0.0744, 0.0292,
    ]  # fmt: skip


def test_restart_below_twenty_steps_is_heun() -> None:
    sigmas = karras_ramp(19, 0.03, 14.6)
    plain = last(heun(TanhDenoiser(), START, sigmas, half, Options()))
    assert last(restart(TanhDenoiser(), START, sigmas, half, Options())) == plain


@pytest.mark.parametrize(
    ("sampler", "options", "grid", "result", "calls"),
    [
        (ddim, Options(eta=0.0), GRID, 5.081147, 4),
        (ddim, Options(eta=1.0), GRID, 5.670764, 4),
        (ddim, Options(eta=0.0), GRID_FROM_IMAGE, 2.705569, 3),
        (plms, Options(), GRID, 5.237595, 5),
    ],
)
def test_a_timestep_sampler_arrives_where_the_original_does(
    sampler: Callable[..., Iterator[Step]],
    options: Options,
    grid: TimestepGrid,
    result: float,
    calls: int,
) -> None:
    model = TanhNoise()
    got = last(sampler(model, torch.tensor([[[[1.5]]]]), grid, half, options))
    assert got == pytest.approx(result, abs=2e-6)
    assert model.calls == calls


@pytest.mark.parametrize(
    ("variant", "skip", "grid", "result", "calls"),
    [
        ("bh1", "time_uniform", GRID, 13.057072, 5),
        ("bh1", "time_quadratic", GRID, 12.957657, 5),
        ("bh1", "logSNR", GRID, 13.216015, 5),
        ("bh2", "time_uniform", GRID, 12.977414, 5),
        ("bh2", "time_quadratic", GRID, 12.833509, 5),
        ("bh2", "logSNR", GRID, 12.987425, 5),
        ("vary_coeff", "time_uniform", GRID, 12.957744, 5),
        ("vary_coeff", "time_quadratic", GRID, 12.830707, 5),
        ("vary_coeff", "logSNR", GRID, 13.015955, 5),
        ("bh1", "time_uniform", GRID_FROM_IMAGE, 2.766871, 4),
    ],
)
def test_unipc_in_every_variant(
    variant: str, skip: str, grid: TimestepGrid, result: float, calls: int
) -> None:
    model = TanhNoise()
    options = Options(unipc_variant=variant, unipc_skip=skip)
    got = last(unipc(model, torch.tensor([[[[1.5]]]]), grid, half, options))
    assert got == pytest.approx(result, abs=5e-5)
    assert model.calls == calls


def test_unipc_refuses_a_variant_it_does_not_have() -> None:
    with pytest.raises(InvalidRequest, match="bh3"):
        list(unipc(TanhNoise(), START, GRID, half, Options(unipc_variant="bh3")))


def test_the_samplers_of_the_first_script_evaluate_every_timestep() -> None:
    for sampler, calls in ((ddim_compvis, 5), (plms_compvis, 6)):
        model = TanhNoise()
        steps = list(sampler(model, START, GRID, half, Options(eta=0.0)))
        assert model.calls == calls
        assert [int(step.sigma) for step in steps] == [801, 601, 401, 201, 1]


def test_cfgpp_puts_noise_back_along_the_unguided_prediction() -> None:
    model = TanhNoise()
    plain = last(ddim(model, START, GRID, half, Options(eta=0.0)))
    model.last_uncond = None
    assert last(ddim_cfgpp(model, START, GRID, half, Options(eta=0.0))) == plain
    model.last_uncond = torch.zeros_like(START)
    x = START
    for index in range(4, 0, -1):  # the noise added back is zero, so only x_0 is left each time
        a, a_prev = GRID.alpha(index), GRID.alpha(index - 1)
        eps = TanhNoise()(x, GRID.timesteps[index])
        x = a_prev.sqrt() * (x - (1 - a).sqrt() * eps) / a.sqrt()
    got = last(ddim_cfgpp(model, START, GRID, half, Options(eta=0.0)))
    assert got == pytest.approx(float(x), rel=1e-6)


def gaussian(x: Tensor, sigma: Tensor) -> Tensor:
    """The perfect denoiser for images drawn from N(0, 1)."""
    return x / (1 + sigma**2)


def error_after(sampler: Callable[..., Iterator[Step]], steps: int) -> float:
    """Distance from the exact solution of the ODE between sigma 10 and 1, evenly in log sigma."""
    ends = math.log(10), 0.0
    sigmas = torch.linspace(*ends, steps + 1, dtype=torch.float64).exp()
    x = torch.tensor([[[[3.0]]]], dtype=torch.float64)
    options = Options(eta=0.0, span=(1.0, 10.0))
    got = last(sampler(gaussian, x, sigmas, half, options))
    exact = 3.0 * math.sqrt((1 + 1) / (1 + 100))
    return abs(got - exact)


@pytest.mark.parametrize(
    ("sampler", "order"),
    [
        (euler, 1),
        (heun, 2),
        (dpm_2, 2),
        (dpmpp_2m, 2),
        (dpmpp_2s_ancestral, 2),
        (dpmpp_2m_sde, 2),
        (dpmpp_2m_sde_heun, 2),
        (dpmpp_sde, 2),
        (dpmpp_3m_sde, 2),  # order three but for its first step, which leaves an error of order two
    ],
)
def test_halving_the_step_divides_the_error_by_two_to_the_order(
    sampler: Callable[..., Iterator[Step]], order: int
) -> None:
    measured = math.log2(error_after(sampler, 80) / error_after(sampler, 160))
    assert measured == pytest.approx(order, abs=0.25)


def test_lms_converges_with_order_four_once_it_has_a_past() -> None:
    # The first three steps have lower order; their share shrinks with the step as well.
    assert math.log2(error_after(lms, 80) / error_after(lms, 160)) > 1.8


def test_dpm_fast_converges_with_the_order_of_its_last_step_and_one_more() -> None:
    # 32 and 62 evaluations end with a step of order two, whose own error is of order three.
    measured = math.log2(error_after(dpm_fast, 32) / error_after(dpm_fast, 62))
    assert measured == pytest.approx(3, abs=0.25)


def run_through(sampler: Sampler, steps: int, seeds: list[int], schedule: str) -> Tensor:
    """Run a sampler as the pipeline does, on the Gaussian toy in every pixel."""
    resolved = resolve_sampler(sampler.name, schedule)
    plan = SamplingPass(resolved, steps, ALPHAS, PassOptions())

    def network(x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        alpha = ALPHAS[t.round().long().clamp(0, 999)].reshape(-1, 1, 1, 1)
        return (1 - alpha).sqrt() * x + 0.01 * context.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)

    count = len(seeds)
    now = Texts(torch.ones(count, 3, 4), ((1.0,),) * count, torch.zeros(count, 3, 4))
    guidance = Guidance(
        plan.prediction(network), lambda k: now, plan.evaluations, GuidanceOptions(scale=3.0)
    )
    noise = SeededNoise((4, 4, 4), seeds, [], NoiseOptions(source="CPU"))
    x = plan.start(noise.first())
    for step in plan.run(guidance, x, plan.noise_source(noise)):
        x = step.x
    return x


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.name)
def test_every_sampler_is_finite_repeatable_and_blind_to_its_neighbours(sampler: Sampler) -> None:
    for steps in (1, 2, 10):
        three = run_through(sampler, steps, [5, 6, 7], "Automatic")
        assert torch.isfinite(three).all()
        assert torch.equal(three, run_through(sampler, steps, [5, 6, 7], "Automatic"))
        if sampler.name != "DPM adaptive":  # its step control looks at the whole batch
            single = run_through(sampler, steps, [6], "Automatic")
            assert torch.equal(three[1:2], single)


def test_each_row_of_the_catalogue_names_a_function() -> None:
    for sampler in SAMPLERS:
        assert callable(load_sampler(sampler))
