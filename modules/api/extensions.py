"""Routes for extensions: their list, switches, files on the page, and those they offer."""

import asyncio
import mimetypes
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from modules.errors import NotFound
from modules.extension.folders import Folder
from modules.service.app import App
from modules.service.extensions import ExtensionRow
from modules.service.visitor import VISITOR

SHOWN = frozenset(
    {
        ".js",
        ".mjs",
        ".css",
        ".json",
        ".csv",
        ".txt",
        ".html",
        ".png",
        ".jpg",
        ".jpeg",
        ".webp",
        ".gif",
        ".svg",
        ".woff",
        ".woff2",
        ".ttf",
        ".mp3",
        ".wasm",
    }
)
"""Kinds of an extension's files that its page scripts may ask for; never Python."""


PRIVATE = ("path", "remote", "problem", "details")
"""What only administrators are told."""


class Wanted(BaseModel):
    """Which extension, and whether it is to work."""

    name: str = Field(max_length=200)
    on: bool = True


class Named(BaseModel):
    """Which extension; `commit` where one is chosen."""

    name: str = Field(max_length=200)
    commit: str = Field("", max_length=40)


class From(BaseModel):
    """Where to get an extension from: a folder, a zip or a Git address of this computer's eyes."""

    source: str = Field(min_length=1, max_length=2000)
    commit: str = Field("", max_length=40)


def extension_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/extensions`, A1111's list, and the files that pages load."""
    routes = APIRouter(tags=["extensions"])
    desk = app.extensions

    @routes.get("/api/v1/extensions")
    def extensions() -> list[dict[str, Any]]:
        """List extensions, what they are, and what is wrong with them."""
        return [row_body(app, one) for one in desk.rows()]

    @routes.post("/api/v1/extensions/switch")
    def switch(body: Wanted) -> list[dict[str, Any]]:
        """Switch an extension on or off; it counts when extensions are loaded anew."""
        desk.switch(body.name, body.on)
        return extensions()

    @routes.post("/api/v1/extensions/reload")
    def reload() -> list[dict[str, Any]]:
        """Load extensions anew, here and in the process that draws."""
        desk.reload()
        return extensions()

    @routes.post("/api/v1/extensions/install")
    def install(body: From) -> dict[str, Any]:
        """Install an extension; it is switched off until somebody switches it on."""
        return {"name": desk.install(body.source, commit=body.commit).name}

    @routes.post("/api/v1/extensions/upload")
    async def upload(file: UploadFile) -> dict[str, Any]:
        """Install an extension from a zip that is sent."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sent.zip"
            path.write_bytes(await file.read())
            name = file.filename or "extension.zip"
            found = await asyncio.to_thread(desk.install_zip, path, name)
        return {"name": found.name}

    @routes.post("/api/v1/extensions/remove")
    def remove(body: Named) -> dict[str, Any]:
        """Move an extension to the trash of the extensions folder."""
        return {"trash": str(desk.remove(body.name))}

    @routes.post("/api/v1/extensions/check")
    def check(body: Named) -> dict[str, Any]:
        """Ask where an extension came from for its newest commit."""
        return {"commit": desk.newest(body.name)}

    @routes.post("/api/v1/extensions/update")
    def update(body: Named) -> dict[str, Any]:
        """Bring an extension to a commit, or to the newest."""
        return {"commit": desk.update(body.name, body.commit).commit}

    @routes.get("/sdapi/v1/extensions")
    def legacy() -> list[dict[str, Any]]:
        """List extensions that came from Git, as A1111 does."""
        return [legacy_body(one) for one in desk.rows() if one.source.commit]

    add_file_routes(routes, app)
    return routes


def add_file_routes(routes: APIRouter, app: App) -> None:
    """Add the routes that pages load files of extensions from."""
    desk = app.extensions

    @routes.get("/easel/extension/{name}/{path:path}", include_in_schema=False)
    def page_file(name: str, path: str) -> FileResponse:
        """A file of an extension that works."""
        return shown_file(desk.loaded.working(), name, path)

    @routes.get("/file={path:path}", include_in_schema=False)
    def old_address(path: str) -> FileResponse:
        """A file of an extension that works, by the address that its page scripts know."""
        full = (app.paths.data / path).resolve()
        for one in desk.loaded.working():
            if full.is_relative_to(one.path.resolve()):
                inner = full.relative_to(one.path.resolve()).as_posix()
                return shown_file([one], one.name, inner)
        raise NotFound("file", path)


def offered_routes(api: FastAPI, app: App) -> None:
    """Add what extensions offer through `register_routes`, below `/extensions/<name>/`."""
    for one in app.extensions.loaded.offered("register_routes"):
        path = f"/extensions/{one.extension}/{one.name.lstrip('/')}"
        try:
            [endpoint] = one.values
            api.add_api_route(path, endpoint, **{"methods": ["GET"], **one.about})
        except Exception as error:  # whatever it offered, it is the extension's own
            app.extensions.loaded.blame(one.extension, "register_routes", error)


def shown_file(working: list[Folder], name: str, path: str) -> FileResponse:
    """Serve one file of an extension. Raises NotFound for everything it should not show."""
    folder = next((one for one in working if one.name == name), None)
    if folder is None:
        raise NotFound("extension", name)
    full = (folder.path / path).resolve()
    inside = full.is_relative_to(folder.path.resolve())
    hidden = any(part.startswith(".") for part in Path(path).parts)
    if not inside or hidden or full.suffix.lower() not in SHOWN or not full.is_file():
        raise NotFound("file", path)
    kind = "text/javascript" if full.suffix in (".js", ".mjs") else mimetypes.guess_type(full)[0]
    return FileResponse(full, media_type=kind or "application/octet-stream")


def row_body(app: App, row: ExtensionRow) -> dict[str, Any]:
    """Describe an extension."""
    folder, manifest, trouble = row.folder, row.folder.manifest, row.trouble
    private = {} if VISITOR.get().is_admin else dict.fromkeys(PRIVATE, "")
    return {
        "name": folder.name,
        "kind": folder.kind,
        "state": row.state,
        "wanted": app.extensions.plan().wants(folder),
        "version": manifest.version,
        "license": manifest.license,
        "author": manifest.author,
        "description": manifest.description,
        "hooks": list(manifest.hooks),
        "shipped": folder.shipped,
        "path": str(folder.path),
        "remote": row.source.address,
        "branch": row.source.branch,
        "commit": row.source.commit,
        "digest": row.source.digest,
        "notes": list(row.notes),
        "missing": app.extensions.missing(folder.name),
        "problem": trouble.message if trouble is not None else "",
        "process": trouble.process if trouble is not None else "",
        "details": trouble.details if trouble is not None else "",
        **private,
    }


def legacy_body(row: ExtensionRow) -> dict[str, Any]:
    """Describe an extension as A1111 does."""
    return {
        "name": row.folder.path.name,
        "remote": row.source.address,
        "branch": row.source.branch,
        "commit_hash": row.source.commit,
        "version": row.source.commit[:8],
        "commit_date": int(row.folder.path.stat().st_mtime),
        "enabled": row.state != "off",
    }
