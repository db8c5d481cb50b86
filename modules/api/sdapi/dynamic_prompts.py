"""The always-on script of the Dynamic Prompts extension, as clients send it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.schema.request import Batch, GenerationRequest

TITLE = "dynamic prompts"
"""What its name begins with; a version follows."""


def is_dynamic_prompts(name: str) -> bool:
    """Whether an always-on script is that one."""
    return name.strip().lower().startswith(TITLE)


def with_dynamic_prompts(
    request: GenerationRequest, scripts: Mapping[str, Any] | None
) -> GenerationRequest:
    """The request as its first arguments ask: enabled, every combination, how often each.

    The others are about models that write prompts, which there are none of here.
    """
    for name, script in (scripts or {}).items():
        args = script.get("args") if isinstance(script, Mapping) else None
        if not is_dynamic_prompts(name) or not isinstance(args, list) or not args:
            continue
        enabled = bool(args[0])
        every = enabled and len(args) > 1 and bool(args[1])
        text = replace(request.text, wildcards=enabled, variants=enabled, every_variant=every)
        request = replace(request, text=text)
        times = args[2] if len(args) > 2 else 1
        if every and isinstance(times, int) and times > 0:
            request = replace(request, batch=Batch(n_iter=times))
    return request
