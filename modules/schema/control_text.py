"""Units of control in a picture's recipe: one key a unit, `ControlNet 0: "Module: canny, ..."`.

The control picture is not part of a recipe. Two older ways of writing are read, too: one key for
every value of a unit (`ControlNet 0 Weight: 1`), and a single unit without a number in its name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modules.errors import InvalidRequest
from modules.param import Field, check_value, params_of
from modules.schema.control import MOST_UNITS, UNSET, ControlUnit

LABEL = "ControlNet"
KEY = re.compile(r"ControlNet(?:[ -](\d{1,2}))?(?: (.+))?", re.IGNORECASE)
OLD_NAMES = {
    "preprocessor": "Module",
    "model": "Model",
    "weight": "Weight",
    "resize mode": "Resize Mode",
    "pixel perfect": "Pixel Perfect",
    "control mode": "Control Mode",
    "hr option": "Hr Option",
    "starting": "Guidance Start",
    "ending": "Guidance End",
}
"""Names of the time when values had keys of their own, in lower case."""
OLD_PAIRS = {
    "starting/ending": ("Guidance Start", "Guidance End"),
    "preprocessor params": ("Processor Res", "Threshold A", "Threshold B"),
}
"""Names of that time that hold several numbers in brackets."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def unit_fields() -> dict[str, Field]:
    """The fields of a unit that have a place in a recipe, by their names there."""
    return {item.param.infotext: item for item in params_of(ControlUnit) if item.param.infotext}


def control_entries(units: Iterable[ControlUnit]) -> dict[str, str]:
    """The recipe's keys for the units that take part, numbered by their places."""
    return {f"{LABEL} {place}": unit_text(unit) for place, unit in enumerate(units) if unit.enabled}


def unit_text(unit: ControlUnit) -> str:
    """Write one unit; what is left to the preprocessor (-1) is not mentioned."""
    parts = []
    for key, item in unit_fields().items():
        value = getattr(unit, item.name)
        if value == UNSET and not isinstance(value, bool):
            continue
        if key.startswith("Threshold") and float(value).is_integer():
            value = int(value)
        parts.append(f"{key}: {value}")
    return ", ".join(parts)


def read_control(
    found: Mapping[str, str], base: tuple[ControlUnit, ...]
) -> tuple[tuple[ControlUnit, ...], list[str]]:
    """The units of a recipe's keys, with notices about what cannot be used.

    Pictures stay those of `base`; its units that the recipe does not name are switched off.
    """
    told = _by_unit(found)
    notices: list[str] = []
    units = [replace(unit, enabled=False) for unit in base]
    for place in sorted(told):
        if not told[place]:
            notices.append(f"{LABEL} {place}: its values cannot be read; left out.")
            continue
        if place >= MOST_UNITS:
            notices.append(f"{LABEL} {place}: there are at most {MOST_UNITS} units; left out.")
            continue
        units += [ControlUnit(enabled=False)] * (place + 1 - len(units))
        kept = units[place]
        fresh = ControlUnit(image=kept.image, mask=kept.mask, low_vram=kept.low_vram)
        units[place] = _filled(fresh, told[place], f"{LABEL} {place}", notices)
        if kept.image is None:
            notices.append(
                f"{LABEL} {place}: the control picture is not in the recipe; choose it again."
            )
    return tuple(units), notices


def _by_unit(found: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Values by unit and by name; numbers of units count from 0."""
    told: dict[int, dict[str, str]] = {}
    for key, value in found.items():
        match = KEY.fullmatch(key)
        if match is None:
            continue
        values = told.setdefault(int(match.group(1) or 0), {})
        pairs = [(match.group(2), value)] if match.group(2) else _split(value)
        for name, text in pairs:
            values |= _named(name.lower(), text)
    return told


def _named(name: str, text: str) -> dict[str, str]:
    """One value under the name it has today; nothing if it has no place."""
    if name in OLD_PAIRS:
        return dict(zip(OLD_PAIRS[name], NUMBER.findall(text), strict=False))
    today = {key.lower(): key for key in unit_fields()} | OLD_NAMES
    return {today[name]: text} if name in today else {}


def _split(text: str) -> list[tuple[str, str]]:
    """Names and values of one unit; a comma inside a value is part of it unless a name follows."""
    names = sorted({*unit_fields(), *OLD_NAMES, *OLD_PAIRS}, key=len, reverse=True)
    either = "|".join(map(re.escape, names))
    pieces = re.split(rf"(?:^|,\s*)({either}):\s*", text.strip(), flags=re.IGNORECASE)
    values = (value.strip() for value in pieces[2::2])
    return list(zip(pieces[1::2], values, strict=True))


def _filled(
    unit: ControlUnit, values: Mapping[str, str], label: str, notices: list[str]
) -> ControlUnit:
    for name, item in unit_fields().items():
        if name not in values:
            continue
        try:
            value = _from_text(item, values[name])
            check_value(item, value)
        except (InvalidRequest, ValueError):
            notices.append(f"{label}, {name}: {values[name][:40]!r} cannot be used.")
            continue
        unit = replace(unit, **{item.name: value})
    return unit


def _from_text(item: Field, text: str) -> Any:
    """Read one value; ValueError if it is of the wrong kind or not among the choices."""
    if item.type is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if item.type is int:
        return int(float(text))
    if item.type is float:
        return float(text)
    choices = item.param.choices
    if isinstance(choices, tuple):
        known = {choice.lower(): choice for choice in choices}
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]
    return text
