"""uvicorn with one difference: what follows jobs is ended first, so that ending takes no time."""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from modules.settings.launch import Launch

GOODBYE_S = 2
"""Seconds that open connections get to finish after everything they wait for has ended."""


class Server(uvicorn.Server):
    """Serves an ASGI application until a signal comes or `should_exit` is set."""

    def __init__(
        self, application: object, end_work: Callable[[], None], launch: Launch | None = None
    ) -> None:
        """`end_work` ends whatever open connections wait for; it may take seconds."""
        launch = launch or Launch()
        super().__init__(
            uvicorn.Config(
                application,  # type: ignore[arg-type]
                log_level="warning",
                lifespan="on",
                timeout_graceful_shutdown=GOODBYE_S,
                timeout_keep_alive=launch.timeout_keep_alive,
                ssl_keyfile=_file(launch.tls_keyfile),
                ssl_certfile=_file(launch.tls_certfile),
                server_header=False,
            )
        )
        self._end_work = end_work

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody wait any longer, then finish what is open, then end.

        A page that is open keeps a connection that never ends; that it is cut is no news.
        """
        await asyncio.to_thread(self._end_work)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _file(name: str) -> Path | None:
    return Path(name).expanduser() if name else None
