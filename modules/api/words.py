"""Routes for writing prompts: completions, wildcards, and the prompts of before."""

from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from modules.schema.codec import to_plain
from modules.service.app import App
from modules.service.visitor import VISITOR

LONGEST = 200_000
"""Characters of a template that is tried."""


class WildcardBody(BaseModel):
    """A wildcard: its name, with / for folders, and one possibility a line."""

    name: str = Field(min_length=1, max_length=400)
    text: str = Field("", max_length=32 * 2**20)


class WildcardName(BaseModel):
    """Which wildcard."""

    name: str = Field(max_length=400)


class Template(BaseModel):
    """A text with wildcards and variants, and for which pictures it is wanted."""

    text: str = Field("", max_length=LONGEST)
    seed: int = -1
    count: int = Field(5, ge=1, le=100)


class Pin(BaseModel):
    """Whether a prompt is pinned."""

    pinned: bool = True


def word_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/completions`, `/api/v1/wildcards` and `/api/v1/prompts`."""
    routes = APIRouter(prefix="/api/v1", tags=["words"])

    @routes.get("/completions")
    def completions(
        text: str = Query("", max_length=400), limit: int = Query(8, ge=1, le=100)
    ) -> list[dict[str, Any]]:
        """Offer what the piece of a prompt before the cursor may become."""
        return [to_plain(one) for one in app.words.complete(text, limit)]

    _add_wildcards(routes, app)
    _add_history(routes, app)
    return routes


def _add_wildcards(routes: APIRouter, app: App) -> None:
    def listed() -> list[dict[str, Any]]:
        return [
            {"name": one.name, "lines": one.lines, "editable": one.editable}
            for one in app.words.wildcards().listed()
        ]

    @routes.get("/wildcards")
    def wildcards() -> list[dict[str, Any]]:
        """List the wildcards, with how many lines each has."""
        return listed()

    @routes.get("/wildcards/text")
    def text(name: str = Query(max_length=400)) -> dict[str, str]:
        """Return a wildcard's text file."""
        return {"name": name, "text": app.words.wildcards().text(name)}

    @routes.post("/wildcards")
    def keep(body: WildcardBody) -> dict[str, Any]:
        """Write a wildcard, in place of the one of that name if there is one."""
        return {"name": app.words.wildcards().keep(body.name, body.text), "all": listed()}

    @routes.post("/wildcards/delete")
    def delete(body: WildcardName) -> dict[str, Any]:
        """Delete a wildcard; its file is kept aside."""
        app.words.wildcards().delete(body.name)
        return {"all": listed()}

    @routes.post("/wildcards/try")
    def attempt(body: Template) -> dict[str, Any]:
        """Return what a text becomes for `count` pictures from `seed` on; -1 is any seed."""
        base = app.base_request()
        return {"texts": app.words.tries(body.text, base, seed=body.seed, count=body.count)}


def _add_history(routes: APIRouter, app: App) -> None:
    def person() -> str:
        return VISITOR.get().name

    @routes.get("/prompts")
    def prompts(
        text: str = Query("", max_length=400), limit: int = Query(50, ge=1, le=500)
    ) -> list[dict[str, Any]]:
        """List the prompts the caller drew with that hold every word of `text`."""
        return [to_plain(one) for one in app.words.history.search(text, person(), limit)]

    @routes.post("/prompts/{prompt_id}/pin")
    def pin(prompt_id: int, body: Pin) -> dict[str, bool]:
        """Keep a prompt on top of the list, or no longer."""
        app.words.history.pin(prompt_id, person(), body.pinned)
        return {"pinned": body.pinned}

    @routes.delete("/prompts/{prompt_id}")
    def forget(prompt_id: int) -> dict[str, bool]:
        """Take a prompt out of the list."""
        app.words.history.forget(prompt_id, person())
        return {"forgotten": True}

    @routes.delete("/prompts")
    def forget_all() -> dict[str, bool]:
        """Take every prompt that is not pinned out of the list."""
        app.words.history.forget_all(person())
        return {"forgotten": True}
