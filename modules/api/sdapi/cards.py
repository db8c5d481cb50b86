"""The routes by which A1111's page and its extensions look at cards."""

import html
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from modules.api.models import find_preview, preview_file
from modules.errors import NotFound
from modules.service.app import App
from modules.service.card_details import metadata_of, thumbnail_of
from modules.service.card_files import KINDS
from modules.service.cards import Card

Name = Annotated[str, Query(max_length=1000)]


def card_routes(app: App) -> APIRouter:
    """Routes below `/sd_extra_networks`."""
    routes = APIRouter(prefix="/sd_extra_networks", tags=["sdapi"])

    @routes.get("/thumb", response_class=FileResponse)
    def thumb(request: Request, filename: Name = "", mtime: float = 0) -> Response:
        """Return the picture of a card by its file; any other file is not there."""
        return preview_file(request, thumbnail_of(find_preview(app, filename), app.paths.cache))

    @routes.get("/metadata")
    def metadata(page: Name = "", item: Name = "") -> dict[str, str]:
        """Return what a model's file says of itself, as indented JSON."""
        try:
            found = metadata_of(_card(app, page, item).path)
        except NotFound:
            return {}
        return {"metadata": json.dumps(found, indent=4, ensure_ascii=False)} if found else {}

    @routes.get("/get-single-card")
    def single(page: Name = "", tabname: Name = "", name: Name = "") -> dict[str, Any]:
        """Return a card as a piece of a page."""
        card = _card(app, page, name)
        shown, about = html.escape(card.name), html.escape(card.description)
        return {
            "html": f'<div class="card" data-name="{shown}"><div class="actions">'
            f'<span class="name">{shown}</span><span class="description">{about}</span></div></div>'
        }

    return routes


def _card(app: App, page: str, name: str) -> Card:
    """Return the card of that name on A1111's page "Lora", "Textual Inversion" and so on."""
    kind = page.strip().lower().replace(" ", "_")
    if kind not in KINDS:
        raise NotFound("page of cards", page, KINDS)
    return app.cards.named(kind, name)
