"""Strangers' JSON to a request: nested like the record itself, any part of it, nothing unknown."""

from collections.abc import Iterator, Mapping
from typing import Any

from modules.api.coercion import coerce, kinds_of
from modules.api.controlnet.units import units_in
from modules.api.scripts import with_script
from modules.errors import InvalidRequest, closest_hint
from modules.param import Field, params_of, replace_at
from modules.schema.request import GenerationRequest

APART = ("extras", "script", "control", "watermark", "wordings")
"""Parts of a request that are not made of described fields; some only the service fills in."""


def read_request(values: Any, base: GenerationRequest) -> GenerationRequest:
    """Return `base` with the fields that `values` holds. Raises InvalidRequest.

    A field that is null keeps the value of `base` unless null is one of its values.
    """
    if not isinstance(values, Mapping):
        raise InvalidRequest("The request must be a JSON object.", 'For example {"prompt": "a"}.')
    known = {item.path: item for item in params_of(GenerationRequest)}
    for path, value in _leaves(values, known):
        item = known[path]
        if value is None and type(None) not in kinds_of(item):
            continue
        base = replace_at(base, path, coerce(item, value))
    if "script" in values:
        base = with_script(base, values["script"])
    if values.get("control") is not None:
        base = replace_at(base, "control", units_in(values["control"]))
    extras = values.get("extras")
    return replace_at(base, "extras", dict(extras)) if isinstance(extras, Mapping) else base


def gives_size(values: Any) -> bool:
    """Whether a request's JSON says how large the picture should be."""
    size = values.get("size") if isinstance(values, Mapping) else None
    return isinstance(size, Mapping) and any(size.get(side) for side in ("width", "height"))


def _leaves(
    values: Mapping[str, Any], known: Mapping[str, Field], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    parts = {path.split(".")[0] for path in known if "." in path}
    for name, value in values.items():
        path = f"{prefix}{name}"
        if path in known:
            yield path, value
        elif any(other.startswith(path + ".") for other in known):
            if isinstance(value, Mapping):
                yield from _leaves(value, known, path + ".")
            elif value is not None:
                raise InvalidRequest(f"{path!r} must be a JSON object, not {value!r:.80}.")
        elif path not in APART:
            inside = [key for key in known if key.startswith(prefix)] or sorted(parts)
            raise InvalidRequest(
                f"A request has no field {path!r:.80}.", closest_hint(path, inside)
            )
