"""Routes for copies to give away: what a stranger would read in one, and the copy itself."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Query, Response

from modules.api.own import check_images
from modules.errors import NotFound
from modules.service.app import App
from modules.service.credentials import is_available
from modules.service.share import Copy, Wish, share_copy
from modules.settings.sections.recipe import FULL

LEVEL = Query(FULL, description="full, shareable or private")
FORMAT = Query("", description="png, jpg, webp or avif; empty is that of the picture")
CREDENTIALS = Query(False, description="sign it with Content Credentials (C2PA)")


def share_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/images/{image_id}/copy`."""
    routes = APIRouter(prefix="/api/v1/images", tags=["images"])

    @routes.get("/{image_id}/copy", response_class=Response)
    def download(
        image_id: str, level: str = LEVEL, format: str = FORMAT, credentials: bool = CREDENTIALS
    ) -> Response:
        """Return a copy that tells no more than its level allows; the original stays as it is."""
        copy = _copy(app, image_id, Wish(level=level, format=format, credentials=credentials))
        headers = {"Content-Disposition": f'attachment; filename="{copy.name}"'}
        return Response(copy.content, media_type=copy.media_type, headers=headers)

    @routes.get("/{image_id}/copy/contents")
    def contents(
        image_id: str, level: str = LEVEL, format: str = FORMAT, credentials: bool = CREDENTIALS
    ) -> dict[str, Any]:
        """List everything that can be read in such a copy besides its pixels."""
        copy = _copy(app, image_id, Wish(level=level, format=format, credentials=credentials))
        return {
            "name": copy.name,
            "media_type": copy.media_type,
            "size": len(copy.content),
            "entries": [asdict(entry) for entry in copy.entries],
            "notices": list(copy.notices),
            "credentials_available": is_available(),
        }

    return routes


def _copy(app: App, image_id: str, wish: Wish) -> Copy:
    check_images(app, [image_id])
    try:
        return share_copy(
            app.gallery.find(image_id), wish, app.settings.settings, app.paths.credentials
        )
    except FileNotFoundError as error:
        raise NotFound("picture", image_id) from error
