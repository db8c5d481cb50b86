"""Routes for styles: named pieces of prompt that people keep."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from modules.service.app import App
from modules.service.styles import delete_style, keep_style

LONGEST = 20_000
"""Characters of a style's prompt."""


class StyleBody(BaseModel):
    """A style; `{prompt}` in it stands for the prompt it is applied to."""

    name: str = Field(min_length=1, max_length=200)
    prompt: str = Field("", max_length=LONGEST)
    negative_prompt: str = Field("", max_length=LONGEST)


class StyleName(BaseModel):
    """Which style."""

    name: str = Field(max_length=200)


def style_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/styles`."""
    routes = APIRouter(prefix="/api/v1/styles", tags=["lists"])

    @routes.get("")
    def styles() -> list[dict[str, Any]]:
        """List the styles, in the order of their files."""
        return style_bodies(app.styles())

    @routes.post("")
    def put(body: StyleBody) -> list[dict[str, Any]]:
        """Keep a style, in place of the one of that name if there is one."""
        book = app.styles()
        keep_style(book, body.name, body.prompt, body.negative_prompt)
        return style_bodies(book)

    @routes.post("/delete")
    def remove(body: StyleName) -> list[dict[str, Any]]:
        """Delete a style; the file before is kept beside it."""
        book = app.styles()
        delete_style(book, body.name)
        return style_bodies(book)

    return routes


def style_bodies(book: Iterable[Any]) -> list[dict[str, Any]]:
    """Describe the styles of a book."""
    return [
        {"name": one.name, "prompt": one.prompt, "negative_prompt": one.negative_prompt}
        for one in book
    ]
