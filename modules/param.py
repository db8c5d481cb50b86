"""Self-describing dataclass fields: label, limits, infotext key, API name and flag in one place.

A dotted path such as "sampling.steps" names one field of a nested frozen dataclass. The same path
serves the form, the REST translation, the command line, infotext and plots.
"""

import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from math import isfinite
from typing import Any

from modules.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Param:
    """What people see and may enter for one field."""

    label: str
    help: str = ""
    infotext: str = ""
    """Key in a picture's recipe."""
    api: str = ""
    """Name in the `/sdapi/v1` JSON."""
    setting: str = ""
    """Name of the A1111 option that gives the default, and that `override_settings` may use."""
    flag: str = ""
    """Command line flag without dashes; empty = derived from the field's name."""
    minimum: float | None = None
    maximum: float | None = None
    slider: tuple[float, float] | None = None
    """Comfortable range of the page's slider, when narrower than what is valid."""
    step: float | None = None
    choices: str | tuple[str, ...] = ()
    """The values themselves, or the name of a catalogue ("samplers", "schedules", ...)."""
    advanced: bool = False


@dataclass(frozen=True)
class Field:
    """One leaf of a request: where it is, what it is, what it defaults to."""

    path: str
    name: str
    type: Any
    default: Any
    param: Param


def param(default: Any, label: str, **about: Any) -> Any:
    """Declare a dataclass field together with its description; `about` are `Param`'s fields."""
    return field(default=default, metadata={"param": Param(label=label, **about)})


@lru_cache
def params_of(kind: type) -> tuple[Field, ...]:
    """List every described field of `kind` and of the dataclasses nested in it, in order."""
    return tuple(_walk(kind, ""))


def _walk(kind: type, prefix: str) -> Iterator[Field]:
    hints = typing.get_type_hints(kind)
    for item in fields(kind):
        about = item.metadata.get("param")
        nested = _dataclass_in(hints[item.name])
        if about is not None:
            default = item.default if item.default is not MISSING else None
            yield Field(prefix + item.name, item.name, hints[item.name], default, about)
        elif nested is not None:
            yield from _walk(nested, f"{prefix}{item.name}.")


def _dataclass_in(hint: Any) -> type | None:
    """Return the dataclass in `hint`, looking through `X | None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [_dataclass_in(part) for part in typing.get_args(hint)]
        return next((part for part in inner if part is not None), None)
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


def get_at(record: Any, path: str) -> Any:
    """Read `path` of `record`; None where an optional part on the way is absent."""
    for name in path.split("."):
        if record is None:
            return None
        record = getattr(record, name)
    return record


def replace_at(record: Any, path: str, value: Any) -> Any:
    """Return a copy of `record` with `path` set; an absent optional part is created."""
    name, _, rest = path.partition(".")
    if not rest:
        return replace(record, **{name: value})
    inner = getattr(record, name)
    if inner is None:
        kind = _dataclass_in(typing.get_type_hints(type(record))[name])
        assert kind is not None, f"{path!r} does not lead through a record"
        inner = kind()
    return replace(record, **{name: replace_at(inner, rest, value)})


def check_limits(record: Any) -> None:
    """Raise InvalidRequest for the first number outside its limits or of the wrong kind.

    The message names the field, the value given and the nearest value that would be accepted.
    """
    for item in params_of(record.__class__):
        value = get_at(record, item.path)
        if value is not None:
            check_value(item, value)


def check_value(item: Field, value: Any) -> None:
    """Raise InvalidRequest if `value` is not acceptable for the field `item`."""
    about = item.param
    if isinstance(value, bool) or not isinstance(value, int | float):
        if _wants_number(item.type):
            raise InvalidRequest(f"{about.label} must be a number, not {value!r:.80}.")
        return
    if not isfinite(value):
        raise InvalidRequest(
            f"{about.label} must be an ordinary number, not {value}.",
            f"The default is {item.default}.",
        )
    low, high = about.minimum, about.maximum
    if low is not None and value < low:
        raise InvalidRequest(
            f"{about.label} is {value}, but must be at least {low}.",
            f"The nearest value that works is {low}.",
        )
    if high is not None and value > high:
        raise InvalidRequest(
            f"{about.label} is {value}, but can be at most {high}.",
            f"The nearest value that works is {high}.",
        )


def _wants_number(hint: Any) -> bool:
    kinds = typing.get_args(hint) or (hint,)
    return any(kind in (int, float) for kind in kinds) and str not in kinds
