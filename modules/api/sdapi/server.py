"""Ending the program over HTTP; only where `--api-server-stop` allows it."""

import os
import signal
import threading

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from modules.service.app import App
from modules.service.visitor import require_admin

AFTER_ANSWER_S = 0.3
"""Seconds until a stop begins, so that its answer still gets through."""
RESTARTER = "SD_WEBUI_RESTART"
"""Set by scripts that start the program again when it leaves `tmp/restart` behind."""


def server_routes(app: App) -> APIRouter:
    """Routes that end the program; none without the flag."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])
    if not app.launch.api_server_stop:
        return routes

    @routes.post("/server-kill")
    def kill() -> None:
        """End at once, without an answer; what was begun goes on after the next start."""
        require_admin("end the program")
        os._exit(0)

    @routes.post("/server-stop", response_class=PlainTextResponse)
    def stop() -> str:
        """End in order."""
        require_admin("end the program")
        _end()
        return "Stopping."

    @routes.post("/server-restart", response_class=Response)
    def restart() -> Response:
        """End and be started again, where a script does that; else 501."""
        require_admin("restart the program")
        if not os.environ.get(RESTARTER):
            return Response(status_code=501)
        app.paths.cache.mkdir(parents=True, exist_ok=True)
        (app.paths.cache / "restart").touch()
        _end()
        return Response()

    return routes


def _end() -> None:
    threading.Timer(AFTER_ANSWER_S, signal.raise_signal, [signal.SIGINT]).start()
