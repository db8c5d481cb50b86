"""Chosen styles become a part of the prompts when a job is handed in."""

import json
from dataclasses import replace
from typing import Any

from modules.prompt.styles import StyleBook
from modules.schema.request import GenerationRequest


def names_in(text: Any) -> tuple[str, ...]:
    """Return the styles that the page's control holds; none for anything else."""
    try:
        names = json.loads(text)
    except (TypeError, ValueError):
        return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def with_styles(
    request: GenerationRequest, names: tuple[str, ...], book: StyleBook
) -> GenerationRequest:
    """Return `request` with styles applied to its prompts, and to those of the second pass.

    An empty prompt of the second pass is that of the first, so it stays empty. Raises NotFound for
    a style that is no more.
    """
    for name in names:
        book.get(name)
    prompt, negative = book.apply(names, request.prompt, request.negative_prompt)
    hires = request.hires
    if hires is not None:
        again, never = book.apply(names, hires.prompt, hires.negative_prompt)
        hires = replace(
            hires,
            prompt=again if hires.prompt else "",
            negative_prompt=never if hires.negative_prompt else "",
        )
    return replace(request, prompt=prompt, negative_prompt=negative, hires=hires)
