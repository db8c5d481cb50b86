"""What makes the page installable as an app: its manifest, and the worker that keeps its files."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse

ASSETS = Path(__file__).parent / "assets"
MANIFEST, WORKER, ICON = "/manifest.json", "/easel-worker.js", "/easel-icon.svg"


def add_install_routes(api: FastAPI) -> None:
    """Answer for the manifest, the icon and the worker, which must lie where the page does."""
    api.add_api_route(MANIFEST, manifest, include_in_schema=False)
    api.add_api_route(ICON, icon, response_class=FileResponse, include_in_schema=False)
    api.add_api_route(WORKER, worker, response_class=FileResponse, include_in_schema=False)


def manifest() -> JSONResponse:
    """Say how the page looks as an app; addresses are relative, for servers below a path."""
    svg = {"src": ICON.removeprefix("/"), "sizes": "any", "type": "image/svg+xml"}
    told: dict[str, Any] = {
        "name": "Easel",
        "short_name": "Easel",
        "description": "Draw pictures from words.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f4f5f8",
        "theme_color": "#0d7d6f",
        "icons": [{**svg, "purpose": "any"}, {**svg, "purpose": "maskable"}],
    }
    return JSONResponse(told, media_type="application/manifest+json")


def icon() -> FileResponse:
    """Send the icon."""
    return FileResponse(ASSETS / "favicon.svg", media_type="image/svg+xml")


def worker() -> FileResponse:
    """Send the worker; browsers ask for it again at every visit.

    What it may fetch is what its own answer's policy says.
    """
    headers = {"cache-control": "no-cache", "content-security-policy": "default-src 'self'"}
    return FileResponse(ASSETS / "worker.js", media_type="text/javascript", headers=headers)
