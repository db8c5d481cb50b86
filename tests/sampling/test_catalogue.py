"""Names of samplers and schedules, of every age."""

import subprocess
import sys

import pytest

from modules.errors import NotFound
from modules.sampling.catalogue import (
    SAMPLERS,
    SCHEDULES,
    combined_names,
    reads,
    resolve_sampler,
    sampler_names,
    schedule_names,
)


def resolved(name: str, schedule: str = "Automatic", version: str | None = None) -> str:
    found = resolve_sampler(name, schedule, version)
    return f"{found.sampler.name} | {found.schedule.name}"


def test_the_menus_are_those_of_a1111() -> None:
    assert sampler_names() == [
        "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a",
        "DPM++ 3M SDE", "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast",
        "DPM adaptive", "Restart", "DDIM", "DDIM CFG++", "PLMS", "UniPC", "LCM",
    ]  # fmt: skip
    assert schedule_names() == [
        "Automatic", "Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform",
        "KL Optimal", "Align Your Steps", "Simple", "Normal", "DDIM", "Beta",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "schedule", "version", "meant"),
    [
        ("DPM++ 2M", "Automatic", None, "DPM++ 2M | Karras"),
        ("DPM++ 2M SDE", "Automatic", None, "DPM++ 2M SDE | Exponential"),
        ("Euler a", "Automatic", None, "Euler a | Automatic"),
        ("LMS", "Automatic", None, "LMS | Automatic"),
        ("LCM", "Automatic", None, "LCM | Automatic"),
        ("DPM++ 2M Karras", "Automatic", None, "DPM++ 2M | Karras"),
        ("DPM++ 2M SDE Heun Exponential", "Automatic", None, "DPM++ 2M SDE Heun | Exponential"),
        ("dpm++ 2m sde sgm uniform", "Automatic", None, "DPM++ 2M SDE | SGM Uniform"),
        ("Euler align_your_steps", "Automatic", None, "Euler | Align Your Steps"),
        ("DPM++ 2M Karras", "Exponential", None, "DPM++ 2M | Exponential"),
        ("DPM++ 2M", "karras", "1.8.0-RC", "DPM++ 2M | Karras"),
        ("DPM++ 2M", "Automatic", "1.8.0", "DPM++ 2M | Uniform"),
        ("DPM++ 2M", "Automatic", "", "DPM++ 2M | Uniform"),
        ("DPM++ 2M", "", None, "DPM++ 2M | Uniform"),
        ("DPM++ 2M Karras", "", None, "DPM++ 2M | Karras"),
        ("DPM++ 2M", "Automatic", "v1.9.3", "DPM++ 2M | Karras"),
        ("DPM++ 2M", "Automatic", "v1.10.1", "DPM++ 2M | Karras"),
        ("DPM++ 2M", "Automatic", "f2.0.1v1.10.1-previous", "DPM++ 2M | Karras"),
        ("DPM++ 2M", "Automatic", "ComfyUI", "DPM++ 2M | Karras"),
        ("Restart", "Automatic", "1.8.0", "Restart | Karras"),
        ("Euler a", "Automatic", "1.8.0", "Euler a | Automatic"),
        ("DDIM", "Karras", None, "DDIM | Automatic"),
        ("PLMS", "", None, "PLMS | Automatic"),
        ("k_euler_ancestral", "Automatic", None, "Euler a | Automatic"),
        ("k_dpmpp_2m_ka", "Automatic", None, "DPM++ 2M | Karras"),
        ("k_dpmpp_3m_sde_exp", "Automatic", None, "DPM++ 3M SDE | Exponential"),
        ("k_dpmpp_2m_sde_ka", "Automatic", None, "DPM++ 2M SDE | Karras"),
        ("k_dpmpp_2m_sde_ka", "Automatic", "1.8.0", "DPM++ 2M SDE | Uniform"),
        ("K_LMS_KA", "Automatic", None, "LMS | Karras"),
        ("CompVis PLMS", "Automatic", None, "CompVis PLMS | Automatic"),
    ],
)
def test_a_name_of_any_age_means(name: str, schedule: str, version: str | None, meant: str) -> None:
    assert resolved(name, schedule, version) == meant


def test_every_name_and_alias_finds_its_sampler() -> None:
    for sampler in SAMPLERS:
        for key in (sampler.name, *sampler.aliases):
            assert resolve_sampler(key.upper()).sampler is sampler
    for name in combined_names():
        assert name.startswith(resolve_sampler(name).sampler.name)
    for schedule in SCHEDULES:
        for key in (schedule.name, *schedule.aliases):
            found = resolve_sampler("Euler", key).schedule
            assert found is schedule


def test_an_unknown_sampler_answers_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="Heun"):
        resolve_sampler("Hune")
    with pytest.raises(NotFound, match="Karras"):
        resolve_sampler("Euler", "Karas")
    with pytest.raises(NotFound):
        resolve_sampler("")


def test_which_options_a_sampler_reads() -> None:
    def reading(name: str, option: str, schedule: str = "Automatic", eta: float = 1.0) -> bool:
        return reads(resolve_sampler(name, schedule), option, eta)

    assert reading("Euler a", "eta") and not reading("Euler", "eta")
    assert reading("DDIM", "eta_ddim") and not reading("DDIM", "eta")
    assert reading("Heun", "s_churn") and not reading("DPM++ 2M", "s_churn")
    assert reading("DPM++ SDE", "s_noise") and not reading("Restart", "s_noise")
    assert reading("UniPC", "uni_pc_order") and not reading("PLMS", "uni_pc_order")
    assert reading("Euler a", "ensd") and not reading("Euler a", "ensd", eta=0)
    assert not reading("DPM++ SDE", "ensd")
    assert reading("Euler", "discard_penultimate") and not reading("DPM2", "discard_penultimate")
    assert reading("Euler", "rho", "Karras") and not reading("Euler", "rho")
    assert reading("Euler", "beta_alpha", "Beta") and not reading("Euler", "beta_alpha", "Karras")
    assert reading("PLMS", "cfg_scale")


def test_the_catalogue_costs_no_torch() -> None:
    code = "import sys, modules.sampling.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
