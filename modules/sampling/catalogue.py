"""What samplers and schedules there are, as plain data. Importing this costs no torch.

An implementation is named by reference: "heun:heun" is the function `heun` of
`modules/sampling/samplers/heun.py`, and the same for schedules below `schedules/`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modules.errors import NotFound

AUTOMATIC = "Automatic"
UNIFORM = "Uniform"
SUFFIXES = {"_ka": "Karras", "_exp": "Exponential"}
# 1.8 gave this alias to two entries and found the plain one.
AMBIGUOUS_ALIAS = "k_dpmpp_2m_sde_ka"
FIRST_WITH_SCHEDULES = (1, 9)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How noise levels are spaced. An empty implementation leaves the choice to the sampler."""

    name: str
    implementation: str = ""
    aliases: tuple[str, ...] = ()
    in_menu: bool = True


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """One row of the sampler menu.

    `family` is "k" (noise levels) or "timestep" (whole timesteps). `schedule` is what Automatic
    means; empty where Automatic is uniform or the sampler has a grid of its own (`own_grid`).
    `old_schedule` is what the bare name meant before version 1.9. `knobs` are the options it reads.
    An `adaptive` one takes as many steps as it needs.
    """

    name: str
    implementation: str
    aliases: tuple[str, ...] = ()
    family: str = "k"
    schedule: str = ""
    old_schedule: str = UNIFORM
    own_grid: bool = False
    adaptive: bool = False
    knobs: tuple[str, ...] = ()
    calls_per_step: int = 1
    discard_penultimate: bool = False
    uses_ensd: bool = False
    brownian: bool = False
    consistency: bool = False
    needs_uncond: bool = False
    cfg_divisor: float = 1.0
    in_menu: bool = True

    @property
    def second_order(self) -> bool:
        """Whether prompt schedules count two evaluations a step."""
        return self.calls_per_step == 2


CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")
SDE = ("eta", "s_noise")
UNIPC = ("uni_pc_variant", "uni_pc_skip_type", "uni_pc_order", "uni_pc_lower_order_final")
KNOBS = frozenset({*CHURN, *SDE, *UNIPC, "eta_ddim"})


def _sde(name: str, implementation: str, alias: str, **more: bool) -> Sampler:
    return Sampler(
        name=name,
        implementation=implementation,
        aliases=(alias, alias + "_ka", alias + "_exp"),
        schedule="Exponential",
        knobs=SDE,
        brownian=True,
        **more,  # type: ignore[arg-type]
    )


SAMPLERS: tuple[Sampler, ...] = (
    Sampler(
        name="DPM++ 2M",
        implementation="dpmpp_2m:dpmpp_2m",
        aliases=("k_dpmpp_2m", "k_dpmpp_2m_ka"),
        schedule="Karras",
    ),
    Sampler(
        name="DPM++ SDE",
        implementation="dpmpp_sde:dpmpp_sde",
        aliases=("k_dpmpp_sde", "k_dpmpp_sde_ka"),
        schedule="Karras",
        knobs=SDE,
        calls_per_step=2,
        brownian=True,
    ),
    _sde("DPM++ 2M SDE", "dpmpp_2m_sde:dpmpp_2m_sde", "k_dpmpp_2m_sde"),
    _sde("DPM++ 2M SDE Heun", "dpmpp_2m_sde:dpmpp_2m_sde_heun", "k_dpmpp_2m_sde_heun"),
    Sampler(
        name="DPM++ 2S a",
        implementation="dpmpp_2s:dpmpp_2s_ancestral",
        aliases=("k_dpmpp_2s_a", "k_dpmpp_2s_a_ka"),
        schedule="Karras",
        knobs=SDE,
        calls_per_step=2,
        uses_ensd=True,
    ),
    _sde("DPM++ 3M SDE", "dpmpp_3m_sde:dpmpp_3m_sde", "k_dpmpp_3m_sde", discard_penultimate=True),
    Sampler(
        name="Euler a",
        implementation="euler:euler_ancestral",
        aliases=("k_euler_a", "k_euler_ancestral"),
        knobs=("eta",),
        uses_ensd=True,
    ),
    Sampler(name="Euler", implementation="euler:euler", aliases=("k_euler",), knobs=CHURN),
    Sampler(name="LMS", implementation="lms:lms", aliases=("k_lms", "k_lms_ka")),
    Sampler(
        name="Heun",
        implementation="heun:heun",
        aliases=("k_heun",),
        knobs=CHURN,
        calls_per_step=2,
    ),
    Sampler(
        name="DPM2",
        implementation="dpm2:dpm_2",
        aliases=("k_dpm_2", "k_dpm_2_ka"),
        schedule="Karras",
        knobs=CHURN,
        calls_per_step=2,
        discard_penultimate=True,
    ),
    Sampler(
        name="DPM2 a",
        implementation="dpm2:dpm_2_ancestral",
        aliases=("k_dpm_2_a", "k_dpm_2_a_ka"),
        schedule="Karras",
        knobs=SDE,
        calls_per_step=2,
        discard_penultimate=True,
        uses_ensd=True,
    ),
    Sampler(
        name="DPM fast",
        implementation="dpm_solver:dpm_fast",
        aliases=("k_dpm_fast",),
        knobs=SDE,
        own_grid=True,
        uses_ensd=True,
    ),
    Sampler(
        name="DPM adaptive",
        implementation="dpm_solver:dpm_adaptive",
        aliases=("k_dpm_ad",),
        knobs=("eta",),
        own_grid=True,
        adaptive=True,
        uses_ensd=True,
    ),
    Sampler(
        name="Restart",
        implementation="restart:restart",
        schedule="Karras",
        old_schedule="Karras",
        calls_per_step=2,
    ),
    Sampler(name="DDIM", implementation="ddim:ddim", family="timestep", knobs=("eta_ddim",)),
    Sampler(
        name="DDIM CFG++",
        implementation="ddim:ddim_cfgpp",
        aliases=("ddim_cfgpp",),
        family="timestep",
        knobs=("eta_ddim",),
        needs_uncond=True,
        cfg_divisor=12.5,
    ),
    Sampler(name="PLMS", implementation="plms:plms", family="timestep"),
    Sampler(name="UniPC", implementation="unipc:unipc", family="timestep", knobs=UNIPC),
    Sampler(name="LCM", implementation="lcm:lcm", aliases=("k_lcm",), consistency=True),
    Sampler(
        name="CompVis DDIM",
        implementation="ddim:ddim_compvis",
        family="timestep",
        knobs=("eta_ddim",),
        in_menu=False,
    ),
    Sampler(
        name="CompVis PLMS",
        implementation="plms:plms_compvis",
        family="timestep",
        in_menu=False,
    ),
)

SCHEDULES: tuple[Schedule, ...] = (
    Schedule(name=AUTOMATIC),
    Schedule(name=UNIFORM, implementation="timesteps:uniform"),
    Schedule(name="Karras", implementation="karras:karras"),
    Schedule(name="Exponential", implementation="exponential:exponential"),
    Schedule(name="Polyexponential", implementation="exponential:polyexponential"),
    Schedule(
        name="SGM Uniform",
        implementation="timesteps:sgm_uniform",
        aliases=("sgm_uniform", "SGMUniform"),
    ),
    Schedule(name="KL Optimal", implementation="kl_optimal:kl_optimal", aliases=("kl_optimal",)),
    Schedule(
        name="Align Your Steps",
        implementation="align_your_steps:align_your_steps",
        aliases=("align_your_steps", "AYS"),
    ),
    Schedule(name="Simple", implementation="timesteps:simple"),
    Schedule(name="Normal", implementation="timesteps:normal"),
    Schedule(name="DDIM", implementation="timesteps:ddim", aliases=("ddim_uniform",)),
    Schedule(name="Beta", implementation="beta:beta"),
    Schedule(
        name="Align Your Steps GITS",
        implementation="align_your_steps:align_your_steps_gits",
        aliases=("align_your_steps_GITS", "AYS GITS"),
        in_menu=False,
    ),
    Schedule(name="Turbo", implementation="timesteps:turbo", in_menu=False),
)


@dataclass(frozen=True)
class Resolved:
    """A sampler and a schedule that were meant by some name.

    `schedule` is the label pictures carry: what Automatic stands for, or "Automatic" itself where
    it stands for no entry of the menu. `by_name` says that there were no schedules to choose yet:
    version 1.8 heeded other ends of the span only with a schedule chosen by hand.
    """

    sampler: Sampler
    schedule: Schedule
    by_name: bool = False


_OFFERED: dict[str, Sampler] = {}
"""Samplers of extensions, by name; part of what this process was put together from."""


def offer_samplers(samplers: Iterable[Sampler]) -> None:
    """Let these be known besides our own, and none that were offered before.

    Their implementation is a full reference, "package.file:function". Called when extensions are
    loaded, in the server and in the drawing process alike.
    """
    _OFFERED.clear()
    _OFFERED.update((sampler.name, sampler) for sampler in samplers)


def all_samplers() -> tuple[Sampler, ...]:
    """Our own samplers, and those of extensions after them."""
    return (*SAMPLERS, *_OFFERED.values())


def sampler_names(samplers: Sequence[Sampler] | None = None) -> list[str]:
    """The menu."""
    return [sampler.name for sampler in samplers or all_samplers() if sampler.in_menu]


def schedule_names() -> list[str]:
    """The menu."""
    return [schedule.name for schedule in SCHEDULES if schedule.in_menu]


def combined_names(samplers: Sequence[Sampler] | None = None) -> list[str]:
    """Sampler names with a schedule in them, as they were before 1.9: "DPM++ 2M Karras"."""
    names = []
    for sampler in samplers or all_samplers():
        for alias in sampler.aliases:
            names += [f"{sampler.name} {s}" for end, s in SUFFIXES.items() if alias.endswith(end)]
    return names


def find_schedule(name: str) -> Schedule:
    """The schedule of a label or alias, in any case; raises NotFound."""
    wanted = name.strip().lower()
    for schedule in SCHEDULES:
        if wanted in {key.lower() for key in (schedule.name, *schedule.aliases)}:
            return schedule
    raise NotFound("schedule type", name, schedule_names())


def resolve_sampler(
    name: str,
    schedule: str = AUTOMATIC,
    version: str | None = None,
    samplers: Sequence[Sampler] | None = None,
) -> Resolved:
    """What a name from a form, a picture or a script means, whatever its age.

    Names may carry a schedule ("DPM++ 2M Karras", "k_dpmpp_2m_ka"); one given apart wins over it.
    `version` is the version text of the picture the name comes from, "" where it has none, or None
    when the name is not from a picture. Before 1.9 a bare name meant the uniform schedule; an
    empty `schedule` asks for that meaning, too.

    Raises NotFound with the nearest names.
    """
    sampler, suffix = _split(name, samplers or all_samplers())
    by_name = not schedule.strip()
    old = by_name or (version is not None and _is_old(version))
    if name.strip().lower() == AMBIGUOUS_ALIAS and old:
        suffix = ""
    explicit = find_schedule(schedule.strip() or AUTOMATIC)
    if sampler.family == "timestep":
        meant = AUTOMATIC
    elif explicit.name != AUTOMATIC:
        meant = explicit.name
    elif suffix:
        meant = suffix
    elif old and sampler.schedule:
        meant = sampler.old_schedule
    else:
        meant = sampler.schedule or AUTOMATIC
    return Resolved(sampler, find_schedule(meant), by_name)


def reads(resolved: Resolved, option: str, eta: float = 1.0) -> bool:
    """Whether `option`, named as in requests, makes a difference to this sampler and schedule.

    Options that are none of a sampler's are always read.
    """
    sampler, schedule = resolved.sampler, resolved.schedule.name
    noisy_levels = sampler.family == "k"
    by_hand = noisy_levels and not resolved.by_name
    conditions = {
        "discard_penultimate": not sampler.discard_penultimate,
        "ensd": sampler.uses_ensd and eta != 0,
        "sgm_noise_multiplier": noisy_levels,
        "old_karras": by_hand or schedule == "Karras",
        "quantize": noisy_levels,
        "sigma_min": by_hand,
        "sigma_max": by_hand,
        "rho": by_hand and schedule in ("Karras", "Polyexponential"),
        "beta_alpha": by_hand and schedule == "Beta",
        "beta_beta": by_hand and schedule == "Beta",
    }
    if option in KNOBS:
        return option in sampler.knobs
    return conditions.get(option, True)


def _split(name: str, samplers: Sequence[Sampler]) -> tuple[Sampler, str]:
    """The sampler, and the schedule inside its name or ""."""
    wanted = name.strip().lower()
    for sampler in samplers:
        for alias in sampler.aliases:
            if wanted == alias.lower():
                found = [label for end, label in SUFFIXES.items() if alias.endswith(end)]
                return sampler, found[0] if found else ""
        if wanted == sampler.name.lower():
            return sampler, ""
    for label in sorted(_schedule_words(), key=len, reverse=True):
        if wanted.endswith(" " + label.lower()):
            rest = wanted[: -len(label) - 1].strip()
            for sampler in samplers:
                if rest in {key.lower() for key in (sampler.name, *sampler.aliases)}:
                    return sampler, label
    raise NotFound("sampler", name, [*sampler_names(samplers), *combined_names(samplers)])


def _schedule_words() -> Iterator[str]:
    for schedule in SCHEDULES:
        yield from (schedule.name, *schedule.aliases)


def _is_old(version: str) -> bool:
    """Whether a picture is older than 1.9. None at all is old, an unknown program's is not."""
    if not version.strip():
        return True
    match = re.match(r"v?(\d+)\.(\d+)", version.strip())
    return match is not None and (int(match[1]), int(match[2])) < FIRST_WITH_SCHEDULES
