"""A script's arguments, as people and clients write them, to its record and back."""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from modules.errors import InvalidRequest, NotFound, closest_hint
from modules.param import Field, check_value, params_of
from modules.schema.catalogue import Catalogue
from modules.schema.codec import to_plain
from modules.service.scripts.script import Script

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "none", "")
"""How clients write what is ticked and what is not."""


def read_args(
    script: Script, given: Mapping[str, Any], tab: str, catalogue: Catalogue | None = None
) -> Any:
    """Make the script's record of values by field name. Raises InvalidRequest, NotFound."""
    known = {item.name: item for item in params_of(script.args)}
    args = script.args()
    for name, value in given.items():
        if name not in known:
            raise InvalidRequest(
                f"The script {script.title} has no field {name!r:.60}.", closest_hint(name, known)
            )
        if value is not None:
            choices = choices_of(script, known[name], tab, catalogue or Catalogue())
            args = replace(args, **{name: coerce(known[name], value, choices)})
    return args


def from_positions(script: Script, given: Sequence[Any]) -> dict[str, Any]:
    """Name A1111's positional `script_args`; missing ones keep their default, surplus is ignored.

    Raises nothing; the values are checked by `read_args`.
    """
    names = script.layout or tuple(item.name for item in fields(script.args))
    return {name: value for name, value in zip(names, given, strict=False) if name}


def plain_args(args: Any) -> dict[str, Any]:
    """Return a script's record as JSON-like values by field name."""
    plain: dict[str, Any] = to_plain(args)
    return plain


def choices_of(script: Script, item: Field, tab: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The entries of a field's menu; empty where anything goes."""
    named = item.param.choices
    if not isinstance(named, str):
        return named
    menu = script.menus.get(named)
    return tuple(menu(tab, catalogue)) if menu is not None else ()


def coerce(item: Field, value: Any, choices: Sequence[str] = ()) -> Any:
    """Return `value` as the type of its field; numbers and words arrive as text as well."""
    kind = _kind(item.type)
    label = item.param.label
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list | tuple):
            raise InvalidRequest(f"{label} must be a list, not {value!r:.60}.")
        return tuple(_choice(item, one, choices) if choices else str(one) for one in value)
    if choices:
        return _choice(item, value, choices)
    if kind is bool:
        return _truth(label, value)
    if kind is str:
        return "" if value is None else str(value)
    number = _number(label, kind, value)
    check_value(item, number)
    return number


def _kind(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _choice(item: Field, value: Any, choices: Sequence[str]) -> str:
    """An entry by its name, or by its place as A1111 counts."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        place = int(value)
        if place == value and 0 <= place < len(choices):
            return choices[place]
        raise InvalidRequest(
            f"{item.param.label} is {value}, but there are entries 0 to {len(choices) - 1}.",
            f"They are: {', '.join(choices)}.",
        )
    for choice in choices:
        if choice.lower() == str(value).strip().lower():
            return choice
    raise NotFound(item.param.label.lower(), str(value), choices)


def _truth(label: str, value: Any) -> bool:
    if isinstance(value, bool | int | float):
        return bool(value)
    word = str(value).strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise InvalidRequest(f"{label} must be true or false, not {value!r:.60}.")


def _number(label: str, kind: type, value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number or (kind is int and number != number // 1):
        wanted = "a whole number" if kind is int else "a number"
        raise InvalidRequest(f"{label} must be {wanted}, not {value!r:.60}.")
    return int(number) if kind is int else number
