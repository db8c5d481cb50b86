"""Serve: take the port first, say where to look, then load, then hand over."""

import argparse
import errno
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modules.cli.below import Below
from modules.cli.main import FINE, OUR_FAILURE, overview
from modules.cli.splash import Splash
from modules.errors import WebUIError
from modules.log import set_up_logging
from modules.settings.launch import FlagParser, Launch, add_flags, from_args

if TYPE_CHECKING:
    from modules.api.doors.origins import Names
    from modules.api.guard import Doors
    from modules.cli.server import Server
    from modules.service.app import App

log = logging.getLogger(__name__)

DEFAULT_PORT = 7860
PORTS_TO_TRY = 20
HEAD_START_S = 1.8
"""Seconds a page gets to open before the engine starts, as both want the processor."""


def run(arguments: Sequence[str]) -> int:
    """Serve until Ctrl+C; returns the exit code."""
    began = time.perf_counter()
    launch = read(arguments)
    set_up_logging(logging.getLevelName(launch.loglevel), launch.paths().log)
    check_doors(launch)
    listener = bind(launch.host, launch.port, api_only=launch.nowebui)
    return Service(launch, listener, began).run()


def read(arguments: Sequence[str]) -> Launch:
    """Parse the server's flags; a wrong one ends the program with exit code 2."""
    parser = FlagParser(
        prog="webui.py",
        description="Easel, a Stable Diffusion web UI. Without a command it serves the page.",
        epilog=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser)
    return from_args(parser.parse_args(arguments))


def check_doors(launch: Launch) -> None:
    """Refuse to serve other people without a password. Raises InvalidRequest or WebUIError."""
    if launch.exposed:
        from modules.service.users import Users, check_exposure

        check_exposure(launch, Users.of(launch))


def bind(host: str, port: int | None, *, api_only: bool = False) -> socket.socket:
    """Take `port`, or without one the first free port from 7860 on. Raises WebUIError.

    Without the page A1111's clients look for the API on the port after that.
    """
    first = DEFAULT_PORT + api_only
    ports = range(first, first + PORTS_TO_TRY) if port is None else [port]
    for candidate in ports:
        try:
            return listen(host, candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or port is not None:
                raise refusal(host, candidate, error) from error
    raise WebUIError(
        f"The ports {ports[0]} to {ports[-1]} are all in use.", "Choose another with --port."
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError."""
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    )
    listener = socket.socket(family, kind, protocol)
    if sys.platform != "win32":  # there it would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def refusal(host: str, port: int, error: OSError) -> WebUIError:
    """Say why a port cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return WebUIError(
            f"Port {port} is in use, perhaps by another Easel.",
            "Choose another with --port, or leave --port out to get the next free one.",
        )
    if error.errno == errno.EACCES:
        return WebUIError(f"No permission to use port {port}.", "Ports from 1024 on are free.")
    return WebUIError(f"Cannot listen on {host}, port {port}: {error}.", "Check --server-name.")


class Service:
    """The running server: a splash page at once, the real application as soon as it is loaded."""

    def __init__(self, launch: Launch, listener: socket.socket, began: float) -> None:
        self.launch = launch
        self.below = launch.below
        self.listener = listener
        self.began = began
        """`time.perf_counter()` when the program started."""
        self.splash = Splash()
        self.app: App | None = None
        self.failed = False

    @property
    def url(self) -> str:
        """Where to look."""
        host, port = self.listener.getsockname()[:2]
        local = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        scheme = "https" if self.launch.tls_certfile else "http"
        place = f"{scheme}://{f'[{local}]' if ':' in local else local}:{port}"
        return f"{place}{self.below}/" if self.below else place

    def run(self) -> int:
        """Serve until a signal or a failed start; returns the exit code."""
        from modules.cli.server import Server

        signal.signal(signal.SIGTERM, leave)
        answering = Below(self.splash, self.below) if self.below else self.splash
        server = Server(answering, self.end_work, self.launch)
        loader = threading.Thread(target=self.load, args=(server,), name="loader", daemon=True)
        print(f"Easel is at {self.url} (Ctrl+C ends it)", flush=True)
        try:
            with self.listener:
                loader.start()
                server.run(sockets=[self.listener])
        except KeyboardInterrupt:
            print("\nEnding.", flush=True)
        finally:
            if self.app is not None:
                self.app.close()
        return OUR_FAILURE if self.failed else FINE

    def end_work(self) -> None:
        """Put running jobs back into the line, and let go whoever follows them."""
        if self.app is not None:
            self.app.end_work()

    def load(self, server: "Server") -> None:
        """Import and join the parts, then let them answer; runs beside the server.

        Meanwhile nothing is thrown away, so that nobody need look for what could be: most of what
        is made now stays to the end, and is not looked at later either.
        """
        gc.disable()
        try:
            self.join(server)
        except WebUIError as error:
            print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr, flush=True)
            self.failed = True
        except Exception:
            log.exception("Starting failed")
            self.failed = True
        finally:
            gc.freeze()
            gc.enable()
        if self.failed:
            server.should_exit = True

    def join(self, server: "Server") -> None:
        """The one place where service, API and page meet."""
        from modules.service.app import build_app

        self.app = build_app(self.launch.paths(), self.launch)
        from modules.ui.lean_gradio import import_gradio

        import_gradio()
        from modules.api.app import make_api
        from modules.ui.mount import mount_page

        def build(app: "App", doors: "Doors | None" = None) -> Any:
            api = make_api(app, doors, head_start_s=HEAD_START_S)
            if self.launch.nowebui:
                app.extensions.started(api)
            else:
                mount_page(api, app)
            return api

        api = build(self.app)
        while not server.started:
            time.sleep(0.01)
        self.splash.hand_over(api)
        app, doors = self.app, api.state.doors
        app.extensions.watch(lambda: self.splash.hand_over(build(app, doors)))
        print(f"Ready after {time.perf_counter() - self.began:.1f} s", flush=True)
        if self.launch.share:
            self.share(api.state.doors.names)
        if self.launch.autolaunch and "SD_WEBUI_RESTARTING" not in os.environ:
            webbrowser.open(self.url)

    def share(self, names: "Names") -> None:
        """Make a public address and answer to it; without a network the program just goes on."""
        from modules.ui.share import open_tunnel

        try:
            address = open_tunnel(self.listener.getsockname()[1])
        except WebUIError as error:
            print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr, flush=True)
            return
        names.add(address.partition("://")[2])
        print(f"Everybody with a password can use it at {address}", flush=True)


def leave(*_: object) -> None:
    """Take a request to terminate for a Ctrl+C, so that everything is closed in order."""
    raise KeyboardInterrupt
