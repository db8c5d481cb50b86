"""The HTTP application: our own routes, A1111's, and the guard in front of everything."""

import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse

from modules.api.controlnet.routes import controlnet_routes
from modules.api.doors.identity import Identity
from modules.api.doors.login import login_routes
from modules.api.doors.origins import Names, TrustedOrigins
from modules.api.errors import add_error_handlers
from modules.api.events import event_routes
from modules.api.extensions import extension_routes, offered_routes
from modules.api.extras import extras_routes as own_extras_routes
from modules.api.guard import Doors, Guard
from modules.api.images import image_routes
from modules.api.internal import internal_routes
from modules.api.jobs import job_routes
from modules.api.lists import list_routes
from modules.api.merges import merge_routes
from modules.api.models import model_routes
from modules.api.picture_tools import picture_tool_routes
from modules.api.preflight import preflight_routes
from modules.api.scripts import script_routes
from modules.api.sdapi.cards import card_routes
from modules.api.sdapi.extras import extras_routes
from modules.api.sdapi.generation import generation_routes
from modules.api.sdapi.interrogate import interrogate_routes
from modules.api.sdapi.lists import list_routes as legacy_list_routes
from modules.api.sdapi.options import option_routes
from modules.api.sdapi.png_info import png_info_routes
from modules.api.sdapi.progress import progress_routes
from modules.api.sdapi.scripts import script_routes as legacy_script_routes
from modules.api.sdapi.server import server_routes
from modules.api.sdapi.tasks import TaskNames
from modules.api.share import share_routes
from modules.api.styles import style_routes
from modules.api.words import word_routes
from modules.service.app import App
from modules.service.users import Users
from modules.settings.launch import Launch
from modules.version import VERSION

DOCS = Path(__file__).with_name("docs.html")


def make_api(app: App, doors: Doors | None = None, *, head_start_s: float = 0.0) -> FastAPI:
    """Return the application that serves `app`; whoever serves it closes `app` in the end.

    The engine starts in the background `head_start_s` seconds after the server does. What the guard
    decides by is `state.doors` of the result; `doors` are those of an application that it follows.
    Raises WebUIError if the list of users cannot be read.
    """
    api = FastAPI(
        title="Easel",
        version=VERSION,
        lifespan=warming(app, head_start_s),
        docs_url=None,  # the framework's pages load their scripts from other people's servers
        redoc_url=None,
    )
    for make_routes in (
        job_routes,
        preflight_routes,
        event_routes,
        image_routes,
        picture_tool_routes,
        share_routes,
        list_routes,
        model_routes,
        card_routes,
        script_routes,
        style_routes,
        word_routes,
        own_extras_routes,
        merge_routes,
        controlnet_routes,
        legacy_script_routes,
        progress_routes,
        option_routes,
        legacy_list_routes,
        png_info_routes,
        extras_routes,
        interrogate_routes,
        server_routes,
        extension_routes,
    ):
        api.include_router(make_routes(app))
    api.add_api_route("/docs", docs, response_class=FileResponse, include_in_schema=False)
    names = TaskNames()
    api.include_router(generation_routes(app, names))
    api.include_router(internal_routes(app, names))
    doors = doors or make_doors(app.launch, Users(app.paths.users, app.launch.credentials()))
    api.include_router(login_routes(doors.identity))
    offered_routes(api, app)
    add_error_handlers(api)
    api.add_middleware(Guard, doors=doors)
    api.state.doors = doors
    return api


def warming(app: App, head_start_s: float) -> Callable[[FastAPI], Any]:
    """Return what an application lives through: its engine starts after `head_start_s` seconds."""

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        timer = threading.Timer(head_start_s, app.warm_once)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()

    return lifespan


def docs() -> FileResponse:
    """Show every route with its fields."""
    return FileResponse(DOCS, media_type="text/html")


def make_doors(launch: Launch, users: Users) -> Doors:
    """Decide who may come in, from the flags and the list of users."""
    own_name = socket.gethostname()
    names = (launch.host, own_name, f"{own_name}.local") if launch.exposed else ()
    return Doors(
        Identity(users),
        Names(names, any_address=launch.exposed),
        TrustedOrigins(launch.cors_allow_origins, launch.cors_allow_origins_regex),
        exposed=launch.exposed,
        log_calls=launch.api_log,
    )
