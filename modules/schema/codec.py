"""Requests and events to JSON and back, for the database and for clients."""

import base64
import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from modules.schema import event as events

T = TypeVar("T")

EVENT_KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(events.Event)}


def to_json(record: Any) -> str:
    """Write a schema record as JSON text; bytes become base64."""
    return json.dumps(to_plain(record), ensure_ascii=False, allow_nan=False)


def from_json(kind: type[T], text: str) -> T:
    """Read what `to_json` wrote. Unknown keys (of a newer version) are ignored."""
    return typing.cast(T, from_plain(kind, json.loads(text)))


def event_to_json(event: events.Event) -> str:
    """Write an event with its kind."""
    return json.dumps({"kind": type(event).__name__, **to_plain(event)}, ensure_ascii=False)


def event_from_json(text: str) -> events.Event:
    """Read what `event_to_json` wrote."""
    values = json.loads(text)
    return typing.cast(events.Event, from_plain(EVENT_KINDS[values.pop("kind")], values))


def to_plain(value: Any) -> Any:
    """Turn nested records into dictionaries, lists, strings and numbers."""
    if dataclasses.is_dataclass(value):
        return {
            item.name: to_plain(getattr(value, item.name)) for item in dataclasses.fields(value)
        }
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def from_plain(hint: Any, value: Any) -> Any:
    """Rebuild a value of type `hint` from what `to_plain` made."""
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _from_union(typing.get_args(hint), value)
    if origin is tuple:
        return _from_tuple(typing.get_args(hint), value)
    if hint is bytes:
        return base64.b64decode(value)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        known = {
            name: from_plain(hints[name], item) for name, item in value.items() if name in hints
        }
        return hint(**known)
    if hint is float and isinstance(value, int):
        return float(value)
    return value


def _from_union(kinds: tuple[Any, ...], value: Any) -> Any:
    if isinstance(value, dict):
        for kind in kinds:
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                return from_plain(kind, value)
    if isinstance(value, list):
        for kind in kinds:
            if typing.get_origin(kind) is tuple:
                return from_plain(kind, value)
    if (
        float in kinds
        and int not in kinds
        and isinstance(value, int)
        and not isinstance(value, bool)
    ):
        return float(value)
    return value


def _from_tuple(kinds: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(from_plain(kinds[0], item) for item in value)
    return tuple(from_plain(kind, item) for kind, item in zip(kinds, value, strict=True))
