"""Styles that people keep, change and delete."""

from modules.prompt.styles import Style, StyleBook
from modules.service.visitor import require_admin


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
