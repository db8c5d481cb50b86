"""The HTTP application: our own routes, A1111's, and the guard in front of everything."""

import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from modules.api.errors import add_error_handlers
from modules.api.events import event_routes
from modules.api.guard import Guard
from modules.api.images import image_routes
from modules.api.jobs import job_routes
from modules.api.lists import list_routes
from modules.api.sdapi.generation import generation_routes
from modules.api.sdapi.lists import list_routes as legacy_list_routes
from modules.api.sdapi.options import option_routes
from modules.api.sdapi.png_info import png_info_routes
from modules.api.sdapi.progress import progress_routes
from modules.service.app import App
from modules.version import VERSION

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1", "")


def make_api(app: App) -> FastAPI:
    """Return the application that serves `app`; whoever serves it closes `app` in the end.

    The engine starts in the background as soon as the server does.
    """

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=app.warm, name="warm-up", daemon=True).start()
        yield

    api = FastAPI(
        title="Easel",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # the framework's pages load their scripts from other people's servers
        redoc_url=None,
    )
    for make_routes in (
        job_routes,
        event_routes,
        image_routes,
        list_routes,
        generation_routes,
        progress_routes,
        option_routes,
        legacy_list_routes,
        png_info_routes,
    ):
        api.include_router(make_routes(app))
    add_error_handlers(api)
    host = app.launch.host
    exposed = host not in LOOPBACK_HOSTS
    own_name = socket.gethostname()
    names = (host, own_name, f"{own_name}.local") if exposed else ()
    api.add_middleware(Guard, open_to_network=exposed, names=names)
    return api
