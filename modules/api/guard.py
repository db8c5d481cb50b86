"""The one layer in front of everything: who may ask, from which page, and how much at once.

A web page open in the same browser can send requests to this machine, and DNS can be made to point
a foreign name at it. So: the Host must be a name or address of ours, and a browser's request that
changes anything must come from our own page (Fetch Metadata; older browsers: Origin). Programs
send neither header and are left alone.
"""

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from modules.api.errors import error_bytes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"localhost", "localhost."})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
API_PREFIXES = ("/api/", "/sdapi/", "/internal/", "/controlnet/")
LARGEST_BODY = 64 * 2**20
"""Bytes; room for the pictures of an img2img request."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
)
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]@/\\\s]+)(?::\d{1,5})?")


class Guard:
    """ASGI middleware. `open_to_network` admits any literal address as Host, not only loopback."""

    def __init__(
        self, app: Application, *, open_to_network: bool = False, names: tuple[str, ...] = ()
    ) -> None:
        self._app = app
        self._open_to_network = open_to_network
        self._names = LOOPBACK_NAMES | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, *refusal)
            return
        await self._app(scope, _limited(receive), _hardened(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        if not self.answers_to(headers.get("host", "")):
            return 421, "This server does not answer to that host name."
        if self._is_foreign(scope, headers):
            return 403, "Requests from other web pages are not accepted."
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return 413, f"A request may have at most {LARGEST_BODY // 2**20} MB."
        return None

    def answers_to(self, host: str) -> bool:
        """Whether `host`, a header's value with or without a port, is a name of ours."""
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._open_to_network

    def _is_foreign(self, scope: Scope, headers: dict[str, str]) -> bool:
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        site = headers.get("sec-fetch-site")
        elsewhere = site is not None and site not in ("same-origin", "none")
        if elsewhere and (changes or scope["path"].startswith(API_PREFIXES)):
            return True
        origin = headers.get("origin")
        if not changes or origin is None:
            return False
        parts = urlsplit(origin) if origin != "null" else None
        return parts is None or parts.netloc.lower() != headers.get("host", "").lower()


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    body = error_bytes("HTTPException", why)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _limited(receive: Receive) -> Receive:
    """Cut a body off that turns out longer than it said (or did not say)."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            return {"type": "http.disconnect"}
        return message

    return limited


def _hardened(send: Send) -> Send:
    """Add the headers that keep browsers from guessing and other pages from embedding.

    A1111's clients also read how many seconds the answer took.
    """
    start = time.perf_counter()

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            extra = [(name, value) for name, value in HEADERS if name not in present]
            extra.append((b"x-process-time", b"%.4f" % (time.perf_counter() - start)))
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return hardened
