"""Answer at once, hand over later: a tiny page until the real application is loaded."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Easel is starting</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="2"></noscript>
<style>
  :root { color-scheme: light dark; }
  body { display: grid; place-items: center; min-height: 90vh; margin: 0;
         font: 1.1rem/1.6 system-ui, sans-serif; }
  @keyframes breathe { 50% { opacity: .35; } }
  p { animation: breathe 1.6s ease-in-out infinite; }
</style></head>
<body><p role="status">Easel is starting&hellip;</p>
<script>
  const look = () => fetch("easel-is-ready", { cache: "no-store" }).then(
    (answer) => answer.status === 503 ? look() : location.reload(),
    () => setTimeout(() => location.reload(), 1000));
  look();
</script></body></html>
"""
"""It asks until there is something else to see, and loads that."""
ASKING = "/easel-is-ready"
"""How the path ends by which a page waits; nothing lies there, before and after."""
WAIT = b'{"error": "starting", "detail": "Easel is starting; ask again in a second.", "errors": ""}'


WAITING_S = 1.0
"""Seconds such an answer may take; ending the program takes no longer."""


class Application(Protocol):
    """An ASGI application with a lifespan, such as FastAPI's."""

    router: Any

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""


class Splash:
    """An ASGI application that shows PAGE until `hand_over`, and is the real one from then on."""

    def __init__(self) -> None:
        self._real: Application | None = None
        self._ready = asyncio.Event()
        self._hosting: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hand_over(self, real: Application) -> None:
        """Let `real` answer from now on, once its lifespan began. Called from another thread.

        Whatever answered before lives on for the requests it has, until the end.
        """
        assert self._loop is not None, "the server runs before anything is handed over"
        asyncio.run_coroutine_threadsafe(self._open(real), self._loop).result()

    async def _open(self, real: Application) -> None:
        ready = asyncio.get_running_loop().create_future()
        self._hosting.append(asyncio.create_task(self._host(real, ready)))
        await ready

    async def _host(self, real: Application, ready: asyncio.Future[None]) -> None:
        """Live through the lifespan of `real` in one task, as its context managers demand."""
        try:
            async with real.router.lifespan_context(real):
                self._real = real
                self._ready.set()
                ready.set_result(None)
                await self._closing.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's beginning and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._real is not None:
            await self._real(scope, receive, send)
        elif scope["type"] == "http":
            await self._wait(scope, send)
        else:
            await send({"type": "websocket.close", "code": 1013})

    async def _live(self, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        await receive()
        await send({"type": "lifespan.startup.complete"})
        with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl+C; close all the same
            await receive()
        self._closing.set()
        for hosting in self._hosting:
            await hosting
        await send({"type": "lifespan.shutdown.complete"})

    async def _wait(self, scope: Message, send: Send) -> None:
        """A person gets a page that looks again by itself; a program gets 503 and JSON.

        Who asks for nothing but whether there is more by now is kept waiting for a while.
        """
        if scope["path"].endswith(ASKING) and await self._is_ready():
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        person = b"text/html" in dict(scope["headers"]).get(b"accept", b"")
        kind, body = (b"text/html; charset=utf-8", PAGE) if person else (b"application/json", WAIT)
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"1"),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _is_ready(self) -> bool:
        """Whether the real application answers, or will within `WAITING_S`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), WAITING_S)
        return self._ready.is_set()
