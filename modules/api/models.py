"""Routes of the model browser: cards, their pictures and notes, and how much of a LoRA fits."""

from pathlib import Path
from typing import Any
from zlib import crc32

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from modules.api.own import check_images
from modules.errors import NotFound
from modules.model.patch.report import NetworkReport
from modules.service.app import App
from modules.service.card_details import (
    insertion,
    metadata_of,
    report_for,
    tags_of,
    thumbnail_of,
    use_as_preview,
)
from modules.service.card_files import KINDS
from modules.service.cards import Card, CardSearch
from modules.service.resolve import find_checkpoint
from modules.service.sidecars import read_notes, write_notes
from modules.service.visitor import require_admin

PREFIX = "/api/v1"


class NotesChange(BaseModel):
    """Notes of a model; what is absent stays."""

    description: str | None = None
    notes: str | None = None
    base: str | None = None
    activation: str | None = None
    weight: float | None = None
    negative: str | None = None
    vae: str | None = None


class PreviewChoice(BaseModel):
    """A saved picture that is to stand on a card."""

    image: str = Field(max_length=100)


def model_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/models` and `/api/v1/loras`."""
    routes = APIRouter(prefix=PREFIX, tags=["models"])
    _add_looking(routes, app)
    _add_changing(routes, app)

    @routes.get("/loras/{name}")
    def lora(name: str, checkpoint: str = Query("", max_length=1000)) -> dict[str, Any]:
        """Say how much of a LoRA fits a checkpoint (the chosen one if none is named), and why."""
        card = app.cards.named("lora", name)
        wanted = checkpoint or app.chosen_checkpoint()
        found = find_checkpoint(wanted, app.catalogue().checkpoints)
        report = report_for(card, Path(found.path))
        return {**_body(app, card), "checkpoint": found.title, "report": report_body(report)}

    return routes


def _add_looking(routes: APIRouter, app: App) -> None:
    @routes.get("/models/cards")
    def cards(
        kind: str = Query("lora", max_length=40),
        q: str = Query("", max_length=1000),
        folder: str | None = Query(None, max_length=1000),
        base: str = Query("", max_length=40),
        sort: str = Query("path", max_length=40),
        descending: bool = False,
        limit: int = Query(60, ge=1, le=1000),
        skip: int = Query(0, ge=0, le=10**9),
    ) -> dict[str, Any]:
        """Search the models of a kind; `base` leaves out those made for another family."""
        search = CardSearch(
            kind=kind, text=q, folder=folder, base=base, sort=sort, descending=descending
        )
        total, found = app.cards.page(search, limit, skip)
        listing = app.cards.is_listing and not total
        return {"total": total, "listing": listing, "cards": [_body(app, card) for card in found]}

    @routes.get("/models/kinds")
    def kinds() -> dict[str, Any]:
        """List the kinds of models, their folders, and whether LoRA of all families are shown."""
        return {
            "kinds": {
                kind: [{"folder": name, "count": count} for name, count in app.cards.folders(kind)]
                for kind in KINDS
            },
            "show_all": app.settings.settings.networks.show_all,
            "separator": app.settings.settings.networks.separator,
        }

    @routes.get("/models/cards/{card_id}")
    def card(card_id: str) -> dict[str, Any]:
        """Describe a model with its notes, its metadata and the tags it was trained with."""
        found = app.cards.find(card_id)
        metadata, notes = metadata_of(found.path), read_notes(found.path)
        tags = [{"tag": tag, "count": count} for tag, count in tags_of(metadata)]
        shown = {key: value for key, value in metadata.items() if key != "ss_tag_frequency"}
        own = {"notes": notes.notes, "vae": notes.vae}
        return {**_body(app, found), **own, "metadata": shown, "tags": tags}

    @routes.get("/models/cards/{card_id}/preview.webp", response_class=FileResponse)
    def preview(request: Request, card_id: str) -> Response:
        """Return a small version of a card's picture."""
        return preview_file(request, thumbnail_of(app.cards.find(card_id), app.paths.cache))


def _add_changing(routes: APIRouter, app: App) -> None:
    @routes.post("/models/refresh")
    def refresh() -> dict[str, Any]:
        """Look at the folders of models again."""
        app.cards.refresh()
        app.catalogue(refresh=True)
        return {"begun": True}

    @routes.post("/models/cards/{card_id}/notes")
    def notes(card_id: str, body: NotesChange) -> dict[str, Any]:
        """Write notes into the `.json` beside a model; other programs' entries in it stay."""
        require_admin("change the notes of models")
        card = app.cards.find(card_id)
        write_notes(card.path, body.model_dump(exclude_none=True))
        return _body(app, app.cards.touch(card))

    @routes.post("/models/cards/{card_id}/preview")
    def choose(card_id: str, body: PreviewChoice) -> dict[str, Any]:
        """Put a copy of a saved picture beside a model, as the picture on its card."""
        require_admin("change the pictures of models")
        check_images(app, [body.image])
        card = app.cards.find(card_id)
        use_as_preview(card, app.gallery.find(body.image))
        return _body(app, app.cards.touch(card))


def preview_file(request: Request, path: Path) -> Response:
    """Return a thumbnail; its name changes when the picture does."""
    headers = {"ETag": f'"{path.stem}"', "Cache-Control": "private, max-age=86400"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="image/webp", headers=headers)


def _body(app: App, card: Card) -> dict[str, Any]:
    """Describe a card, without saying where its file is."""
    prompt, negative = insertion(card, app.settings.settings.networks)
    body = {
        "id": card.id,
        "kind": card.kind,
        "name": card.name,
        "alias": card.alias or None,
        "folder": card.folder,
        "file": card.path.name,
        "size": card.size,
        "created": card.created,
        "modified": card.modified,
        "preview": f"{PREFIX}/models/cards/{card.id}/preview.webp?{crc32(card.stamp.encode()):x}"
        if card.preview
        else None,
        "described": card.described,
        "base": card.base or None,
        "hash": card.hash or None,
        "note": card.note or None,
        "description": card.description,
        "activation": card.activation,
        "negative": card.negative,
        "weight": card.weight,
        "insert": {"prompt": prompt, "negative_prompt": negative},
    }
    if card.kind == "checkpoints":
        body |= _checkpoint(app, card)
    return body


def _checkpoint(app: App, card: Card) -> dict[str, Any]:
    """Return what the list of checkpoints knows besides."""
    for one in app.catalogue().checkpoints:
        if one.path == str(card.path):
            note = card.note or one.note
            return {"title": one.title, "hash": one.short_hash or None, "note": note or None}
    return {"title": None}


def report_body(report: NetworkReport) -> dict[str, Any]:
    """Describe how much of a network fits."""
    return {
        "keys": report.keys,
        "matched": report.matched,
        "share": round(report.share, 4),
        "layers": len(report.layers),
        "kinds": dict(report.kinds),
        "ignored": dict(report.ignored),
        "dead": dict(report.dead),
        "bundled": list(report.bundled),
        "base": report.base or None,
        "model_base": report.model_base or None,
        "mismatch": report.mismatch,
        "sentence": report.sentence(),
    }


def find_preview(app: App, filename: str) -> Card:
    """Return the card whose picture is the file of that name. Raises NotFound."""
    path = Path(filename)
    for card in app.cards.with_preview(path.name):
        if card.path.with_name(card.preview) == path:
            return card
    raise NotFound("preview", path.name)
