"""Styles that people keep, change, delete, and add to what they ask for."""

from collections.abc import Sequence
from dataclasses import replace

from modules.prompt.styles import Style, StyleBook
from modules.schema.request import GenerationRequest
from modules.service.visitor import require_admin


def with_styles(
    request: GenerationRequest, names: Sequence[str], book: StyleBook
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


def keep_style(book: StyleBook, name: str, prompt: str, negative_prompt: str) -> None:
    """Add a style to `book`, or replace the one of that name; on disk when this returns.

    Raises InvalidRequest without a name, Forbidden.
    """
    require_admin("change styles")
    book.put(Style(name.strip(), prompt, negative_prompt))
    book.save()


def delete_style(book: StyleBook, name: str) -> None:
    """Take a style out of `book` and its file. Raises NotFound, Forbidden."""
    require_admin("change styles")
    book.remove(name)
    book.save()
