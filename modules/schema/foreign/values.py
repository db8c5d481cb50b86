"""What readers of other programs' metadata share: careful look-ups, and names for names of ours.

Pictures come from anywhere, so nothing about their metadata is taken for granted: every look-up
answers with something of the right kind, and what nobody looked at can be told afterwards.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.schema.infotext import quote

Pairs = Iterator[tuple[str, Any]]

SAMPLERS = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "dpm2": "DPM2",
    "dpm2_a": "DPM2 a",
    "dpm_2": "DPM2",
    "dpm_2_a": "DPM2 a",
    "dpm_2_ancestral": "DPM2 a",
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s": "DPM++ 2S a",
    "dpmpp_2s_a": "DPM++ 2S a",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m": "DPM++ 3M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddim": "DDIM",
    "plms": "PLMS",
    "pndm": "PLMS",
    "unipc": "UniPC",
    "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC",
    "lcm": "LCM",
}
"""The nearest of ours; without their endings for a schedule or for noise made on the GPU."""
CLASSES = {
    "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2DiscreteScheduler": "DPM2",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "LMSDiscreteScheduler": "LMS",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "DPMSolverSinglestepScheduler": "DPM++ 2S a",
    "DPMSolverSDEScheduler": "DPM++ SDE",
    "DDIMScheduler": "DDIM",
    "PNDMScheduler": "PLMS",
    "UniPCMultistepScheduler": "UniPC",
    "LCMScheduler": "LCM",
}
"""What diffusers calls them."""
USUAL_SAMPLER = "Euler"
SCHEDULES = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "turbo": "Turbo",
}
SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|bin|sft)$", re.IGNORECASE)
SIDES = re.compile(r"\(?\s*(\d{1,9})\s*[,x×]\s*(\d{1,9})\s*\)?")
NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
SHOWN = 60
"""Characters of a value that is told of."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A recipe that another program wrote, in our words."""

    program: str
    infotext: str
    unmapped: tuple[str, ...] = ()
    """What it says that has no place in our recipes, or only a near one: a few words each."""


class Facts:
    """A table of somebody's JSON that knows which of its entries were looked at."""

    def __init__(self, table: Any) -> None:
        self._table: Mapping[str, Any] = table if isinstance(table, dict) else {}
        self._seen: set[str] = set()
        self.told: list[str] = []
        """What could be used only by halves, in the words of the reader."""

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def take(self, *keys: str) -> Any:
        """The first of these entries that is there; None if none is."""
        self._seen |= set(keys)
        values = (self._table[key] for key in keys if self._table.get(key) is not None)
        return next(values, None)

    def text(self, *keys: str) -> str:
        """An entry if it is a text, else ""."""
        return text_of(self.take(*keys))

    def number(self, *keys: str, otherwise: float | None = None) -> int | float | None:
        """An entry if it is a number or spells one."""
        return number_of(self.take(*keys), otherwise)

    def part(self, key: str) -> "Facts":
        """An entry that is a table itself."""
        return Facts(self.take(key))

    def sampler(self, name: str, schedule: str = "") -> Pairs:
        """The nearest sampler and schedule of ours; tells if they are only the nearest."""
        ours, ours_schedule = nearest(name, schedule)
        if not ours:
            self.told.append(f"sampler {short(name)!r}, {USUAL_SAMPLER} is taken")
        if schedule and schedule not in SCHEDULES and not ours_schedule:
            self.told.append(f"schedule {short(schedule)!r}")
        yield "Sampler", ours or USUAL_SAMPLER
        yield "Schedule type", ours_schedule or "Uniform"

    def left(self, quiet: Iterable[str] = ()) -> tuple[str, ...]:
        """What was told, and the entries that say something and that nobody looked at."""
        unseen = self._table.keys() - self._seen - set(quiet)
        entries = (
            f"{short(key)}: {short(self._table[key])}"
            for key in self._table
            if key in unseen and self._table[key] not in (None, "", [], {}, False, 0, "None")
        )
        return (*self.told, *entries)


def nearest(name: str, schedule: str = "") -> tuple[str, str]:
    """Our names for a sampler and a schedule; "" for one that has none."""
    plain = name.strip().removesuffix("_gpu")
    plain = plain.removeprefix("k_") if plain not in SAMPLERS else plain
    if plain.endswith("_k") and not schedule:
        plain, schedule = plain.removesuffix("_k"), "karras"
    return SAMPLERS.get(plain) or CLASSES.get(plain, ""), SCHEDULES.get(schedule, "")


def written(prompt: str, negative: str, pairs: Pairs) -> str:
    """A recipe of its parts; pairs without a value are left out."""
    line = ", ".join(f"{key}: {quote(value)}" for key, value in pairs if value not in (None, ""))
    lines = (prompt, f"Negative prompt: {negative}" if negative else "", line)
    return "\n".join(line for line in lines if line)


def lora_marks(named: Iterable[tuple[Any, Any]]) -> str:
    """`<lora:name:weight>` for each, with a space before it."""
    marks = (
        f"<lora:{plain_name(text_of(name).replace(':', ''))}:{number_of(weight, 1)}>"
        for name, weight in named
        if text_of(name) not in ("", "None")
    )
    return "".join(f" {mark}" for mark in marks)


def size(width: Any, height: Any) -> Pairs:
    """The pair for a picture's size, if it is one."""
    sides = [str(side) for side in (width, height)]
    if all(side.isdecimal() for side in sides):
        yield "Size", "x".join(sides)


def plain_name(name: str) -> str:
    """A file's name as recipes tell it: without folders and suffix."""
    return SUFFIX.sub("", name.replace("\\", "/").rpartition("/")[2])


def model_name(model: Any) -> str:
    """A model's name, however it is told."""
    if isinstance(model, dict):
        return text_of(model.get("name") or model.get("model_name"))
    return text_of(model)


def tables_of(value: Any) -> list[Mapping[str, Any]]:
    """Those entries of a list that are tables."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """`value` if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def number_of(value: Any, otherwise: float | None = None) -> int | float | None:
    """`value` if it is a number or spells one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    return value if is_number else otherwise


def short(value: Any) -> str:
    """The beginning of a value on one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
