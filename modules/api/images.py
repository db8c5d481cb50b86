"""Routes for finished pictures, and for reading the recipe of any picture."""

import base64
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from modules.api.fetch import Rules, fetch_picture, is_web_address
from modules.api.gallery import gallery_routes
from modules.api.own import check_images
from modules.errors import InvalidRequest, NotFound
from modules.schema.codec import to_plain
from modules.service.app import App

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
ALONE = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
    " script-src 'unsafe-inline'; sandbox allow-scripts allow-modals",
    "X-Content-Type-Options": "nosniff",
}
"""A page with texts of people: it may show itself and reach nothing."""
FOREVER = "private, max-age=31536000, immutable"
"""A picture's id always means the same bytes."""


def image_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/images`."""
    routes = APIRouter(prefix="/api/v1/images", tags=["images"])

    @routes.post("/read")
    async def read(request: Request) -> dict[str, Any]:
        """Read a recipe: an uploaded file, raw bytes, `{"image": base64}` or `{"text": ...}`."""
        content = await content_of(app, request)
        return await run_in_threadpool(_recipe, app, content)

    @routes.get("/{image_id}", response_class=FileResponse)
    def file(request: Request, image_id: str, download: bool = False) -> Response:
        """Return the file as it was saved, byte for byte."""
        check_images(app, [image_id])
        return _file(request, app.image_file(image_id), image_id, download=download)

    @routes.get("/{image_id}/thumb.webp", response_class=FileResponse)
    def thumbnail(request: Request, image_id: str) -> Response:
        """Return a small version."""
        check_images(app, [image_id])
        return _file(request, app.thumbnail(image_id), f"{image_id}-thumb")

    @routes.get("/{image_id}/plot.html", response_class=FileResponse)
    def plot(image_id: str) -> Response:
        """Return the page to zoom through that was written beside a plot."""
        check_images(app, [image_id])
        page = app.image_file(image_id).with_suffix(".html")
        if not page.is_file():
            raise NotFound("page of the plot", image_id)
        return FileResponse(page, media_type="text/html", headers=ALONE)

    both = APIRouter()
    both.include_router(gallery_routes(app))  # first: its names are no ids
    both.include_router(routes)
    return both


def _file(request: Request, path: Path, tag: str, *, download: bool = False) -> Response:
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOREVER}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    disposition = "inline" if path.suffix.lower() in MEDIA_TYPES and not download else "attachment"
    return FileResponse(
        path,
        media_type=media_type,
        filename=path.name,
        content_disposition_type=disposition,
        headers=headers,
    )


async def content_of(app: App, request: Request) -> bytes | str:
    """Return what was sent: a file's bytes, or a text."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=4) as form:
            for value in form.values():
                return await value.read() if isinstance(value, UploadFile) else value
        raise InvalidRequest("The form holds no file.")
    if kind == "application/json":
        return await run_in_threadpool(_from_json, app, await _json(request))
    body = await request.body()
    return body.decode("utf-8", "replace") if kind == "text/plain" else body


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise InvalidRequest(f"This is not JSON: {error}.") from error


def _from_json(app: App, body: Any) -> bytes | str:
    if isinstance(body, dict) and isinstance(body.get("text"), str):
        return str(body["text"])
    if isinstance(body, dict) and isinstance(body.get("image"), str):
        return picture_file(app, body["image"])
    raise InvalidRequest('Send {"text": "..."} or {"image": "base64"}, or upload a file.')


def picture_file(app: App, text: str) -> bytes:
    """Return the file that `text` holds in base64, or names by its web address if that is allowed.

    May take seconds. Raises InvalidRequest.
    """
    if not is_web_address(text):
        return decode_picture(text)
    allowed = app.settings.settings.api
    return fetch_picture(
        text,
        Rules(
            allowed=allowed.fetch,
            public_only=allowed.public_only,
            user_agent=allowed.user_agent,
        ),
    )


def decode_picture(text: str) -> bytes:
    """Decode base64, with or without `data:image/...;base64,` before it."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if is_web_address(text):
        raise InvalidRequest(
            "This is an address, and pictures are not fetched from addresses here.",
            "Send the picture itself in base64.",
        )
    try:
        return base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except ValueError as error:  # other letters than base64 has, or too few of them
        raise InvalidRequest("Invalid encoded image") from error


def _recipe(app: App, content: bytes | str) -> dict[str, Any]:
    recipe = app.read_recipe(content)
    return {
        "infotext": recipe.infotext,
        "request": to_plain(recipe.request),
        "notices": list(recipe.notices),
        "size_given": recipe.size_given,
        "program": recipe.program,
        "unmapped": list(recipe.unmapped),
    }
