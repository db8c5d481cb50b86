"""Puts the page on the server: looks, scripts and the few safety switches Gradio has."""

import hashlib
import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route

from modules.service.app import App
from modules.ui.app import build_page
from modules.ui.early_files import EarlyFiles, QuickFiles
from modules.ui.install import add_install_routes
from modules.ui.theme import page_theme
from modules.ui.translation import answer

STYLE = "/easel/user.css"
WORDS = "/easel/words"
ASSETS = Path(__file__).parent / "assets"
FRONTEND = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
"""Gradio's scripts and sheets, with names that change with their content."""


def mount_page(api: FastAPI, app: App) -> FastAPI:
    """Mount the page at "/" of `api`, below the routes it has already.

    Addresses on it begin with the path that the server is told to be below.

    Nothing on the page is fetched from elsewhere: system fonts, no analytics, no run history.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    place = f"/easel/{fingerprint()}"
    add_install_routes(api)
    api.add_api_route(WORDS, words_for(app), include_in_schema=False)
    mark = f"{gr.__version__} {place}"
    api.add_middleware(EarlyFiles, file=app.paths.cache / "page-files.json", mark=mark)
    page = build_page(app)
    app.extensions.started(api)  # before the page, which answers for all other addresses
    gr.mount_gradio_app(
        api,
        page,
        path="/",
        theme=page_theme(),
        head=head(app.launch.below + place) + own_style(api, app) + foreign_head(app, place),
        root_path=app.launch.below or None,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
        favicon_path=str(ASSETS / "favicon.svg"),
    )
    api.router.routes[:0] = first_routes(api, place)
    return api


def first_routes(api: FastAPI, place: str) -> list[BaseRoute]:
    """Return routes for the page itself and its files, to go before the API's.

    The others are made ready when a request first gets that far: by then the page has something to
    do. Nothing of the API lies at these addresses.
    """
    framework = next(route for route in reversed(api.router.routes) if isinstance(route, Mount))
    return [
        Route("/", framework.app, methods=["GET", "HEAD"], include_in_schema=False),
        Mount(place, QuickFiles(ASSETS), name="easel-assets"),
        Mount("/assets", QuickFiles(FRONTEND), name="gradio-assets"),
    ]


def foreign_head(app: App, place: str) -> str:
    """Return what lets page scripts and styles of extensions that work be loaded."""
    files = app.extensions.page_files()
    below, parts = app.launch.below, list[str]()
    if any(path.endswith("js") for _, path in files):
        parts.append(f'<script src="{below}{place}/foreign/names.js"></script>')
    for name, path in files:
        address = html.escape(f"{below}/easel/extension/{quote(name)}/{quote(path)}")
        if path.endswith(".css"):
            parts.append(f'<link rel="stylesheet" href="{address}">')
        else:
            kind = ' type="module"' if path.endswith(".mjs") else " defer"
            parts.append(f'<script src="{address}"{kind}></script>')
    return "".join(parts)


def own_style(api: FastAPI, app: App) -> str:
    """Return the owner's wishes for the page's head, after our sheets: `--theme` and `user.css`."""
    theme = app.launch.theme
    told = f'<meta name="easel-theme" content="{theme}">' if theme else ""
    path = app.paths.data / "user.css"
    if not path.is_file():
        return told
    api.add_api_route(STYLE, lambda: FileResponse(path), include_in_schema=False)
    return told + f'<link rel="stylesheet" href="{app.launch.below}{STYLE}">'


def words_for(app: App) -> Callable[[Request], dict[str, Any]]:
    """Return what tells a page its language, by the settings and by what the browser asks for."""

    def words(request: Request) -> dict[str, Any]:
        wish = app.settings.settings.interface.language
        return answer(app.paths, wish, request.headers.get("accept-language", ""))

    return words


def fingerprint() -> str:
    """Return a mark of the assets' content, part of their address: no browser keeps a stale one."""
    digest = hashlib.sha256()
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def head(place: str) -> str:
    """Return what goes into the page's head. Style sheets as links: Gradio would rewrite others."""
    sheets = sorted(path.name for path in ASSETS.glob("*.css"))
    links = [f'<link rel="stylesheet" href="{place}/{name}">' for name in sheets]
    return "".join(
        [
            '<meta name="color-scheme" content="light dark">',
            *links,
            f'<script type="module" src="{place}/main.js"></script>',
        ]
    )
