"""What the forms begin with on A1111's word: its `ui-config.json`, read in place and never written.

A1111 writes all its defaults into that file, so only what somebody changed there counts. Keys are
`TAB/LABEL/FIELD`, those of parts that are scripts there `customscript/FILE/TAB/LABEL/FIELD`.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.errors import NotFound, WebUIError
from modules.param import Field, params_of
from modules.sampling.catalogue import find_schedule, resolve_sampler
from modules.schema.request import GenerationRequest
from modules.ui.form import to_field

log = logging.getLogger(__name__)

TABS = ("txt2img", "img2img")
MOST_TOLD = 8
SAMPLER, SCHEDULE = "sampling.sampler", "sampling.schedule"

BOTH: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "Prompt": ("prompt", ("",)),
    "Negative prompt": ("negative_prompt", ("",)),
    "Sampling method": (SAMPLER, ("DPM++ 2M Karras", "DPM++ 2M")),
    "Schedule type": (SCHEDULE, ("Automatic",)),
    "Sampling steps": ("sampling.steps", (20,)),
    "CFG Scale": ("sampling.cfg_scale", (7.0,)),
    "Width": ("size.width", (512,)),
    "Height": ("size.height", (512,)),
    "Batch count": ("batch.n_iter", (1,)),
    "Batch size": ("batch.batch_size", (1,)),
    "Seed": ("seeds.seed", (-1,)),
    "Variation seed": ("seeds.subseed", (-1,)),
    "Variation strength": ("seeds.subseed_strength", (0.0,)),
    "Resize seed from width": ("seeds.resize_from_w", (0,)),
    "Resize seed from height": ("seeds.resize_from_h", (0,)),
}
"""A1111's label, our path, and the values A1111 writes unasked."""

OF_TAB: Mapping[str, Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "txt2img": {
        **BOTH,
        "Hires. fix": ("hires", (False,)),
        "Upscaler": ("hires.upscaler", ("Latent",)),
        "Upscale by": ("hires.scale", (2.0,)),
        "Hires steps": ("hires.steps", (0,)),
        "Denoising strength": ("hires.denoising_strength", (0.7,)),
        "Resize width to": ("hires.resize_x", (0,)),
        "Resize height to": ("hires.resize_y", (0,)),
        "Hires prompt": ("hires.prompt", ("",)),
        "Hires negative prompt": ("hires.negative_prompt", ("",)),
    },
    "img2img": {
        **BOTH,
        "Denoising strength": ("img2img.denoising_strength", (0.75,)),
        "Resize mode": ("img2img.resize_mode", ("Just resize",)),
        "Image CFG Scale": ("img2img.image_cfg_scale", (1.5,)),
        "Mask blur": ("img2img.inpaint.blur", (4,)),
        "Mask mode": ("img2img.inpaint.mode", ("Inpaint masked",)),
        "Masked content": ("img2img.inpaint.content", ("original",)),
        "Inpaint area": ("img2img.inpaint.area", ("Whole picture",)),
        "Only masked padding, pixels": ("img2img.inpaint.padding", (32,)),
    },
}
PARTS = ("hires",)
"""Paths that are a tick box."""


@dataclass(frozen=True)
class StartValues:
    """Values by path for each tab, and what has no meaning here."""

    of_tab: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def tab(self, name: str) -> dict[str, Any]:
        """Values by path, as a draft has them; with a switch for each part they are in."""
        values = dict(self.of_tab.get(name, {}))
        for part in PARTS:
            if any(path.startswith(f"{part}.") for path in values):
                values.setdefault(part, False)
        return values


def read_start_values(path: Path) -> StartValues:
    """Read the file, if there is one; a broken one is left alone and told in `notices`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return StartValues()
    except (OSError, ValueError, RecursionError) as error:
        return _told(StartValues(notices=(f"{path.name} could not be read: {error}.",)))
    if not isinstance(raw, dict):
        return _told(StartValues(notices=(f"{path.name} is not a list of values.",)))
    return _told(_understood(raw, path.name))


def _understood(raw: Mapping[str, Any], file: str) -> StartValues:
    found: dict[str, dict[str, Any]] = {tab: {} for tab in TABS}
    unused, notices = [], []
    for key, value in raw.items():
        tab, label = _place(key)
        path, usual = OF_TAB.get(tab, {}).get(label, ("", ()))
        if not path:
            unused.append(key)
        elif value is not None and value not in usual:
            try:
                found[tab].update(_values(path, value))
            except WebUIError as error:
                notices.append(f"In {file}, {key}: {error}")
    return StartValues(found, tuple(unused), tuple(notices))


def _place(key: str) -> tuple[str, str]:
    """Tab and label of a key that gives a value; empty for others, such as limits of sliders."""
    words = key.split("/")
    if words[0] == "customscript":
        words = words[2:]
    tab, label, last = words[0] if words else "", "/".join(words[1:-1]), words[-1:]
    return (tab, label) if last == ["value"] and tab in TABS else ("", "")


def _values(path: str, value: Any) -> dict[str, Any]:
    """Check a value. Raises InvalidRequest or NotFound."""
    if path in PARTS:
        return {path: bool(value)}
    if path == SAMPLER:
        return _sampler(str(value))
    if path == SCHEDULE:
        return {path: find_schedule(str(value)).name}
    item = FIELDS[path]
    checked = to_field(item, value)
    choices = item.param.choices
    if choices and isinstance(choices, tuple) and checked not in choices:
        raise NotFound(item.param.label, str(checked), choices)
    return {path: checked}


def _sampler(name: str) -> dict[str, Any]:
    """A name of old may hold the schedule as well."""
    meant = resolve_sampler(name)
    if name.strip().lower().endswith(f" {meant.schedule.name.lower()}"):
        return {SAMPLER: meant.sampler.name, SCHEDULE: meant.schedule.name}
    return {SAMPLER: meant.sampler.name}


FIELDS: Mapping[str, Field] = {item.path: item for item in params_of(GenerationRequest)}


def _told(values: StartValues) -> StartValues:
    """Write into the log what was used and what was not."""
    for notice in values.notices:
        log.warning("%s", notice)
    used = sum(map(len, values.of_tab.values()))
    if used or values.unused:
        some = ", ".join(values.unused[:MOST_TOLD])
        more = len(values.unused) - MOST_TOLD
        log.info(
            "ui-config.json: %d values are used; %d keys mean nothing here%s%s",
            used,
            len(values.unused),
            f": {some}" if some else "",
            f" and {more} more" if more > 0 else "",
        )
    return values
