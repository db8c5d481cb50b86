"""One value of strangers' JSON to the type of its field."""

import types
import typing
from typing import Any

from modules.errors import InvalidRequest
from modules.param import Field

KIND_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def coerce(item: Field, value: Any) -> Any:
    """Return `value` as the type of its field, or raise InvalidRequest saying what was expected."""
    kinds = kinds_of(item)
    if value is None and type(None) in kinds:
        return None
    for kind in kinds:
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if kind is int and isinstance(value, int | float) and not isinstance(value, bool):
            if value == value // 1:
                return int(value)
        elif kind in (str, bool) and isinstance(value, kind):
            return value
    expected = " or ".join(KIND_NAMES[kind] for kind in kinds if kind in KIND_NAMES)
    raise InvalidRequest(f"{item.param.label} must be {expected}, not {value!r:.80}.")


def kinds_of(item: Field) -> tuple[type, ...]:
    """The plain types that a field accepts."""
    if typing.get_origin(item.type) in (typing.Union, types.UnionType):
        return typing.get_args(item.type)
    return (item.type,)
