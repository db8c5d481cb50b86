"""Schedules against reference lists."""

import itertools

import pytest
import torch
from torch import Tensor

from modules.sampling.catalogue import SCHEDULES, resolve_sampler
from modules.sampling.plan import PassOptions, SamplingPass, ddim_timesteps
from modules.sampling.prediction import SigmaTable, model_alphas
from modules.sampling.schedules.align_your_steps import AYS
from tests.sampling.toy import sd_alphas, units


def grid(schedule: str, steps: int = 10, sampler: str = "Euler", **options: object) -> Tensor:
    wish = PassOptions(**options)  # type: ignore[arg-type]
    return SamplingPass(resolve_sampler(sampler, schedule), steps, sd_alphas(), wish).grid


# fmt: off
TEN_STEPS = {
    "Uniform": [14.6146431, 7.8398829, 4.6091743, 2.9183071, 1.9501615, 1.3449278, 0.9323580,
                0.6249769, 0.3686578, 0.0291675, 0],
    "Karras": [14.6146431, 9.1029339, 5.4783993, 3.1686094, 1.7494234, 0.9140766, 0.4469209,
               0.2013998, 0.0819111, 0.0291675, 0],
    "Exponential": [14.6146431, 7.3248816, 3.6712418, 1.8400320, 0.9222268, 0.4622216, 0.2316662,
                    0.1161114, 0.0581952, 0.0291675, 0],
    "SGM Uniform": [14.6146431, 8.3071728, 5.0924077, 3.3250690, 2.2797306, 1.6155803, 1.1628646,
                    0.8318837, 0.5711889, 0.3437048, 0],
    "Normal": [14.6146431, 7.8398829, 4.6091743, 2.9183071, 1.9501615, 1.3449278, 0.9323580,
               0.6249769, 0.3686578, 0.0291675, 0],
    "Simple": [14.614642, 8.302804, 5.087763, 3.321083, 2.276463, 1.612886, 1.160578, 0.82986,
               0.569285, 0.341674, 0],
    "DDIM": [8.390685, 5.134431, 3.347764, 2.292854, 1.623692, 1.168216, 0.835653, 0.57405,
             0.346187, 0.041314, 0],
    "KL Optimal": [14.6146326, 4.5650382, 2.6328883, 1.7864460, 1.2947679, 0.9615884, 0.7116271,
                   0.5094197, 0.3356377, 0.1783468, 0.0291675],
    "Beta": [14.614642, 13.927786, 12.490981, 10.597609, 8.442437, 6.201372, 4.046201, 2.152829,
             0.716024, 0.029168, 0],
    "Align Your Steps": [14.615, 6.113514, 3.565114, 2.393873, 1.649956, 1.135787, 0.742518,
                         0.445007, 0.169205, 0.029, 0],
}
DOWNCAST = {
    "Karras": [14.609373, 9.1307077, 5.5166836, 3.2053111, 1.7791872, 0.9355872, 0.4610006,
               0.2097522, 0.0863582, 0.0312500, 0],
    "Uniform": [14.6090412, 7.8349442, 4.6104264, 2.9191401, 1.9502718, 1.3446618, 0.9321025,
                0.6250206, 0.3685987, 0.0312779, 0],
}
OLD_KARRAS = [10, 6.8021646, 4.5242038, 2.9341199, 1.8493021, 1.1281819, 0.6628858, 0.3728223,
              0.1991410, 0.1, 0]
# fmt: on


@pytest.mark.parametrize("name", TEN_STEPS)
def test_ten_steps_of(name: str) -> None:
    assert grid(name).tolist() == pytest.approx(TEN_STEPS[name], rel=2e-6, abs=5e-7)


def test_polyexponential_bends_by_rho() -> None:
    bent = [14.6146, 3.9641, 1.2536, 0.46222, 0.19870, 0.09959, 0.05820, 0.03965, 0.03149, 0.02917]
    got = grid("Polyexponential", rho=2.0).tolist()
    assert got == pytest.approx([*bent, 0], rel=2e-4)
    assert torch.allclose(grid("Polyexponential"), grid("Exponential"), rtol=1e-5)


@pytest.mark.parametrize("name", DOWNCAST)
def test_downcast_alphas_shift_every_level(name: str) -> None:
    got = grid(name, downcast_alphas=True).tolist()
    assert got == pytest.approx(DOWNCAST[name], rel=2e-6, abs=5e-7)


def test_old_karras_runs_from_ten_to_a_tenth() -> None:
    assert grid("Karras", old_karras=True).tolist() == pytest.approx(OLD_KARRAS, rel=1e-5)


def test_eleven_align_your_steps_are_the_table_itself() -> None:
    table = [*AYS["sd1"], 0.0]
    assert grid("Align Your Steps", 11).tolist() == pytest.approx(table)
    xl = [*AYS["sdxl"], 0.0]
    assert grid("Align Your Steps", 11, family="sdxl").tolist() == pytest.approx(xl)


def test_every_list_of_the_reference_program_is_equal() -> None:
    for key, reference in units("sigmas").items():
        name, steps = key.split("|")
        if name.startswith("k_sched_type="):
            resolved = resolve_sampler("Euler", name.split("=")[1])
        else:
            resolved = resolve_sampler(name, "")
        got = SamplingPass(resolved, int(steps), sd_alphas(), PassOptions()).grid
        assert torch.equal(got.float(), reference), key


def test_discarding_the_penultimate_sigma_keeps_the_number_of_steps() -> None:
    whole = grid("Karras", 11)
    kept = grid("Karras", 10, discard_penultimate=True)
    assert torch.equal(kept, torch.cat([whole[:-2], whole[-1:]]))
    assert torch.equal(grid("Karras", 10, sampler="DPM2"), kept)  # it always does


def test_given_ends_replace_the_models_own() -> None:
    got = grid("Karras", sigma_min=0.1, sigma_max=10.0, rho=5.0)
    assert float(got[0]) == pytest.approx(10)
    assert float(got[-2]) == pytest.approx(0.1)


def test_other_ends_count_for_nothing_where_a_name_of_1_8_said_it_all() -> None:
    plain = grid("", sampler="DPM++ 2M Karras")
    assert torch.equal(grid("", sampler="DPM++ 2M Karras", sigma_max=10.0, rho=5.0), plain)
    old = grid("", sampler="DPM++ 2M Karras", old_karras=True)
    assert old.tolist() == pytest.approx(OLD_KARRAS, rel=1e-5)
    exponential = grid("", sampler="DPM++ 2M SDE Exponential", old_karras=True)
    assert torch.equal(exponential, grid("Exponential"))


@pytest.mark.parametrize(
    ("steps", "count", "last"), [(20, 20, 951), (50, 50, 981), (30, 31, 991), (15, 16, 991)]
)
def test_ddims_timesteps_are_not_always_as_many_as_asked(steps: int, count: int, last: int) -> None:
    timesteps = ddim_timesteps(steps)
    assert (len(timesteps), int(timesteps[0]), int(timesteps[-1])) == (count, 1, last)


def test_seven_ddim_steps_are_eight_timesteps() -> None:
    assert ddim_timesteps(7).tolist() == [1, 143, 285, 427, 569, 711, 853, 995]
    assert torch.equal(ddim_timesteps(19, discard=True), ddim_timesteps(20))


def test_every_schedule_falls_at_every_length() -> None:
    names = [schedule.name for schedule in SCHEDULES]
    for name, steps in itertools.product(names, (1, 2, 10, 30, 150)):
        sigmas = grid(name, steps)
        assert torch.isfinite(sigmas).all(), (name, steps)
        assert (sigmas.diff() <= 0).all(), (name, steps)
        # DDIM's stride is a whole number, so there may be more steps than asked for.
        assert len(sigmas) - 1 == steps or (name == "DDIM" and len(sigmas) - 1 >= steps)


def test_the_models_levels_are_those_of_stable_diffusion() -> None:
    table = SigmaTable(sd_alphas())
    levels = [float(table.sigmas[t]) for t in (0, 1, 500, 999)]
    assert levels == pytest.approx([0.02916753, 0.04131448, 1.61827886, 14.61464214], rel=1e-6)


def test_zero_terminal_snr_moves_the_last_levels() -> None:
    alphas = model_alphas(sd_alphas(), zero_terminal_snr=True)
    assert float(alphas[500]) == pytest.approx(0.24101882, rel=1e-6)
    assert float(alphas[998]) == pytest.approx(1.96789e-07, rel=1e-4)
    table = SigmaTable(alphas)
    assert table.sigma_max == pytest.approx(4518.7637, rel=1e-6)
    assert float(table.sigmas[998]) == pytest.approx(2254.2354, rel=1e-4)


def test_downcast_levels_are_half_precision() -> None:
    table = SigmaTable(model_alphas(sd_alphas(), downcast=True))
    assert (table.sigma_min, table.sigma_max) == (0.03125, 14.609375)


def test_the_consistency_models_grid_starts_at_the_top() -> None:
    sigmas = SamplingPass(resolve_sampler("LCM"), 4, sd_alphas(), PassOptions()).grid
    assert float(sigmas[0]) == pytest.approx(14.614642, rel=1e-6)
    assert float(sigmas[-1]) == 0
