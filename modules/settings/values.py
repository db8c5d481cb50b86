"""Values of settings as strangers write them (JSON, config.json), brought to their types."""

import types
import typing
from typing import Any

from modules.errors import InvalidRequest, closest_hint
from modules.param import Field, check_value

WORDS = {"true": True, "false": False}


def coerce(item: Field, value: Any) -> Any:
    """Return `value` as the type of `item`; None is the default. Raises InvalidRequest.

    Lenient where nothing is lost: 1.0 for an integer, "7" for a number, 1 for True.
    """
    if value is None:
        return item.default
    kinds = set(typing.get_args(item.type)) - {types.NoneType} or {item.type}
    if typing.get_origin(item.type) is tuple:
        return _words(item, value)
    result: Any
    if bool in kinds:
        result = _boolean(item, value)
    elif kinds & {int, float}:
        result = _number(item, value, whole=float not in kinds)
    else:
        result = _text(item, value)
    check_value(item, result)
    return result


def _boolean(item: Field, value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in WORDS:
        return WORDS[value.strip().lower()]
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise wrong(item, value, "true or false")


def _number(item: Field, value: Any, *, whole: bool) -> int | float:
    kind = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong(item, value, kind)
    try:
        number = float(value)
        exact = int(value) if isinstance(value, int) else number
    except (ValueError, OverflowError):
        raise wrong(item, value, kind) from None
    if not whole:
        return number
    if isinstance(exact, float):
        if not exact.is_integer():
            raise wrong(item, value, kind)
        exact = int(exact)
    return exact


def _text(item: Field, value: Any) -> str:
    if isinstance(value, dict | list):
        raise wrong(item, value, "text")
    text = str(value)
    choices = item.param.choices
    if not choices or not isinstance(choices, tuple) or text in choices:
        return text
    for choice in choices:
        if choice.lower() == text.lower():
            return choice
    raise InvalidRequest(f"{item.param.label} cannot be {text!r:.80}.", closest_hint(text, choices))


def _words(item: Field, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise wrong(item, value, "a list of words")


def wrong(item: Field, value: Any, wanted: str) -> InvalidRequest:
    """The error for a value of the wrong kind."""
    return InvalidRequest(
        f"{item.param.label} must be {wanted}, not {value!r:.80}.",
        f"The default is {item.default!r}.",
    )
