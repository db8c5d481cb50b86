"""Routes that say what there is: models, samplers, schedules, tokens, the engine's state."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from modules.api.queue import queue_body
from modules.sampling.catalogue import SCHEDULES, all_samplers
from modules.schema.catalogue import CheckpointInfo
from modules.schema.codec import to_plain
from modules.service.app import App
from modules.version import VERSION


class TokenText(BaseModel):
    """A prompt whose tokens are to be counted."""

    text: str = ""
    steps: int = 20
    negative: bool = False
    syntax: Literal["A1111", "NovelAI"] = "A1111"


def list_routes(app: App) -> APIRouter:
    """Small read-only routes below `/api/v1`."""
    routes = APIRouter(prefix="/api/v1", tags=["lists"])

    @routes.get("/models")
    def models(refresh: bool = False) -> dict[str, Any]:
        """List checkpoints and networks; with `refresh` after looking at the folders again."""
        catalogue = app.catalogue(refresh)
        return {
            "chosen": app.chosen_checkpoint(),
            "checkpoints": [checkpoint_body(one) for one in catalogue.checkpoints],
            "vaes": list(catalogue.vaes),
            "embeddings": list(catalogue.embeddings),
            "loras": list(catalogue.loras),
            "problems": list(catalogue.problems),
        }

    @routes.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        """List the samplers of the menu."""
        return [
            {"name": one.name, "aliases": list(one.aliases), "default_schedule": one.schedule}
            for one in all_samplers()
            if one.in_menu
        ]

    @routes.get("/schedules")
    def schedules() -> list[dict[str, Any]]:
        """List the schedule types of the menu."""
        return [
            {"name": one.name, "aliases": list(one.aliases)} for one in SCHEDULES if one.in_menu
        ]

    @routes.post("/tokens")
    def tokens(body: TokenText) -> dict[str, int]:
        """Count the tokens of a prompt, and how many fit into the chunks it has begun."""
        steps, wish = min(max(1, body.steps), 1000), app.base_request().text
        used, room = app.words.count_tokens(
            body.text, wish, steps=steps, negative=body.negative, syntax=body.syntax
        )
        return {"count": used, "limit": room}

    @routes.get("/request")
    def defaults() -> dict[str, Any]:
        """Return a whole request with the values a new job would get."""
        return to_plain(app.base_request())

    @routes.get("/status")
    def status() -> dict[str, Any]:
        """Say how the engine is doing, what waits, and why nothing moves if so."""
        engine = app.status()
        return {
            "version": VERSION,
            "engine": {**to_plain(engine), "memory": dict(engine.memory)},
            **queue_body(app),
        }

    return routes


def checkpoint_body(checkpoint: CheckpointInfo) -> dict[str, Any]:
    """Describe a checkpoint without saying where its file is."""
    return {
        "title": checkpoint.title,
        "name": checkpoint.name,
        "stem": checkpoint.stem,
        "hash": checkpoint.short_hash or None,
        "size": checkpoint.size,
        "native_size": list(checkpoint.native_size),
        "examples": list(checkpoint.examples),
        "usual": dict(checkpoint.usual),
        "reads": checkpoint.reads,
        "note": checkpoint.note,
    }
