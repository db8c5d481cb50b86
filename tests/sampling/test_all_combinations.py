"""Every sampler with every schedule, on the tiny network of the reference."""

import itertools

import pytest
import torch
from torch import Tensor

from modules.sampling.catalogue import SAMPLERS, SCHEDULES, Sampler, resolve_sampler
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.noise import NoiseOptions, SeededNoise
from modules.sampling.plan import PassOptions, SamplingPass
from modules.sampling.samplers.unipc import SKIPS, VARIANTS
from modules.sampling.step import Options, TimestepGrid
from tests.sampling.toy import Texts, sd_alphas

ALPHAS = sd_alphas()
SHAPE = (4, 8, 8)


def contracting(x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    """A network whose answer depends on place, time and text, and that leads to finite pictures."""
    alpha = ALPHAS[timesteps.round().long().clamp(0, 999)].reshape(-1, 1, 1, 1)
    wave = torch.sin(timesteps / 100).reshape(-1, 1, 1, 1) + torch.roll(x, 1, dims=-1)
    text = context.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)
    return (1 - alpha).sqrt() * x + 0.05 * torch.tanh(wave) * (1 + text)


def run(row: Sampler, schedule: str, steps: int, seeds: list[int], **options: object) -> Tensor:
    plan = SamplingPass(
        resolve_sampler(row.name, schedule),
        steps,
        ALPHAS,
        PassOptions(**options),  # type: ignore[arg-type]
    )
    count = len(seeds)
    now = Texts(torch.ones(count, 2, 3), ((1.0,),) * count, torch.zeros(count, 2, 3))
    wish = GuidanceOptions(scale=7.0 / row.cfg_divisor, always_uncond=row.needs_uncond)
    guidance = Guidance(plan.prediction(contracting), lambda k: now, plan.evaluations, wish)
    noise = SeededNoise(SHAPE, seeds, [], NoiseOptions(source="CPU"))
    x = plan.start(noise.first())
    for step in plan.run(guidance, x, plan.noise_source(noise)):
        x = step.x
    return x


COUNTS = (1, 2, 10, 30)
BOUND = [sampler for sampler in SAMPLERS if sampler.family == "timestep" or sampler.own_grid]
"""They bring their own grid, whatever the schedule."""
FREE = [sampler for sampler in SAMPLERS if sampler not in BOUND]
NAMES = [schedule.name for schedule in SCHEDULES]


def pairs_for(place: int) -> list[tuple[Sampler, str]]:
    """Every sampler and every schedule once or a little more, paired differently at each place."""
    longer = max(len(FREE), len(NAMES))
    free = [(FREE[at % len(FREE)], NAMES[(at + 3 * place) % len(NAMES)]) for at in range(longer)]
    return [*free, *((sampler, "Automatic") for sampler in BOUND)]


@pytest.mark.parametrize("steps", COUNTS)
def test_every_sampler_and_schedule_is_finite_repeatable_and_blind_to_its_neighbours(
    steps: int,
) -> None:
    pairs = pairs_for(COUNTS.index(steps))
    assert {sampler.name for sampler, _ in pairs} == {sampler.name for sampler in SAMPLERS}
    assert {schedule for _, schedule in pairs} == set(NAMES)
    for sampler, schedule in pairs:
        three = run(sampler, schedule, steps, [5, 6, 7])
        assert torch.isfinite(three).all(), (sampler.name, schedule)
        if steps <= 10:
            again = run(sampler, schedule, steps, [5, 6, 7])
            assert torch.equal(three, again), (sampler.name, schedule)
        if not sampler.adaptive:  # its step control looks at the whole batch
            alone = run(sampler, schedule, steps, [6])
            assert torch.equal(three[1:2], alone), (sampler.name, schedule)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", FREE, ids=lambda sampler: sampler.name)
def test_every_combination_is_finite(sampler: Sampler) -> None:
    for schedule, steps in itertools.product(NAMES, COUNTS):
        assert torch.isfinite(run(sampler, schedule, steps, [5])).all(), (schedule, steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"prediction": "v"},
        {"zero_terminal_snr": True, "prediction": "v"},
        {"downcast_alphas": True},
        {"discard_penultimate": True},
        {"old_karras": True},
        {"sgm_noise_multiplier": True},
        {"sampler": Options(eta=0.0)},
        {"sampler": Options(s_churn=20.0, s_tmin=0.5, s_tmax=10.0, s_noise=1.003)},
        {"sigma_min": 0.1, "sigma_max": 10.0, "rho": 5.0, "schedule": "Karras"},
        {"beta_alpha": 0.4, "beta_beta": 0.9, "schedule": "Beta"},
        {"quantize": True},
    ],
    ids=str,
)
def test_every_sampler_is_finite_with_every_option(options: dict[str, object]) -> None:
    schedule = str(options.get("schedule", "Automatic"))
    options = {name: value for name, value in options.items() if name != "schedule"}
    for sampler, steps in itertools.product(SAMPLERS, COUNTS):
        three = run(sampler, schedule, steps, [5, 6, 7], **options)
        assert torch.isfinite(three).all(), (sampler.name, steps)
        if not sampler.adaptive:
            alone = run(sampler, schedule, steps, [6], **options)
            assert torch.equal(three[1:2], alone), (sampler.name, steps)


@pytest.mark.parametrize("steps", [1, 2, 10, pytest.param(30, marks=pytest.mark.slow)])
def test_unipc_is_finite_in_every_manner(steps: int) -> None:
    [unipc] = [sampler for sampler in SAMPLERS if sampler.name == "UniPC"]
    manners = itertools.product(VARIANTS, SKIPS, (1, 2, 3, 5), (True, False))
    for variant, skip, order, lower in manners:
        wish = Options(
            unipc_variant=variant,
            unipc_skip=skip,
            unipc_order=order,
            unipc_lower_order_final=lower,
        )
        result = run(unipc, "Automatic", steps, [5], sampler=wish)
        assert torch.isfinite(result).all(), (variant, skip, order, lower)


class Smooth:
    """A smooth noise predictor for going forth and back."""

    last_uncond: Tensor | None = None

    def __call__(self, x: Tensor, timestep: Tensor) -> Tensor:
        alpha = ALPHAS.double()[int(timestep)]
        return x * (1 - alpha).sqrt() + 0.1 * torch.tanh(x)


def test_ddim_without_eta_goes_back_to_the_noise_it_came_from() -> None:
    """The inverse steps of Song et al. 2020, section 4.3; the error falls with the step."""
    from modules.sampling.plan import ddim_timesteps
    from modules.sampling.samplers.ddim import ddim

    def there_and_back(steps: int) -> float:
        grid = TimestepGrid(timesteps=ddim_timesteps(steps), alphas_cumprod=ALPHAS.double())
        start = torch.linspace(-2, 2, 16, dtype=torch.float64).reshape(1, 1, 4, 4)
        nothing = torch.zeros_like(start)
        *_, last = ddim(Smooth(), start, grid, lambda a, b: nothing, Options(eta=0.0))
        x = last.x
        for index in range(1, len(grid.timesteps)):
            a, a_next = grid.alpha(index - 1), grid.alpha(index)
            eps = Smooth()(x, grid.timesteps[index])
            x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
            x = a_next.sqrt() * x_0 + (1 - a_next).sqrt() * eps
        return float((x - start).abs().max())

    assert there_and_back(100) < 0.05
    assert there_and_back(500) < there_and_back(100) / 3
