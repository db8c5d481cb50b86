"""The one layer in front of everything: who may ask, from which page, and how much at once.

A web page open in the same browser can send requests to this machine, and DNS can be made to point
a foreign name at it. So: the Host must be a name or address of ours; a browser's request must come
from our own page, which besides holds a token of this start; and where there are users, everybody
must be one of them. Programs on this computer send no browser's headers and, without users, are
left alone.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from modules.api.doors.cookies import LaunchToken
from modules.api.doors.identity import Identity, NotAdmitted, TooManyTries
from modules.api.doors.origins import (
    Names,
    TrustedOrigins,
    came_through_proxy,
    is_browser,
    is_foreign,
)
from modules.api.doors.policy import hardening
from modules.api.errors import error_body
from modules.errors import WebUIError
from modules.service.visitor import OWNER, VISITOR, Visitor

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
API_PREFIXES = ("/api/", "/sdapi/", "/internal/", "/controlnet/", "/gradio_api/")
OPEN_PATHS = frozenset({"/login"})
"""What may be seen before logging in."""
CLOSED_PREFIXES = (
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/login_check",
    "/gradio_api/process_recording",
    "/gradio_api/proxy",
    "/gradio_api/runs",
    "/gradio_api/token",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-",
    "/monitoring",
)
"""Routes of the framework under the page that the page does not use."""
LARGEST_BODY = 64 * 2**20
"""Bytes; room for the pictures of an img2img request."""


class Refused(WebUIError):
    """A connection that is not passed on; `headers` go into the answer."""

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or []


@dataclass
class Doors:
    """Everything the guard decides by."""

    identity: Identity
    names: Names
    trusted: TrustedOrigins = field(default_factory=TrustedOrigins)
    exposed: bool = False
    """Whether other computers can reach the server: then nobody comes in without a password."""
    log_calls: bool = False
    token: LaunchToken = field(default_factory=LaunchToken)

    @property
    def locked(self) -> bool:
        """Whether visitors must say who they are."""
        return self.exposed or bool(self.identity.users.accounts)


class Guard:
    """ASGI middleware that refuses connections or passes them on with their visitor known."""

    def __init__(self, app: Application, doors: Doors) -> None:
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        trusted = self._doors.trusted.hold(headers.get("origin"))
        extra = _cors(headers) if trusted else []
        send = self._finishing(scope, send, extra)
        try:
            if trusted and _is_preflight(scope, headers):
                raise Refused(204, "", PREFLIGHT)
            self._check_source(scope, headers, trusted)
            visitor = await self._visitor(scope, headers)
            if not self._doors.locked:
                self._check_token(scope, headers, trusted)
        except Refused as refused:
            await _refuse(scope, receive, send, refused)
            return
        if not self._doors.locked and _may_have_token(scope, headers):
            extra += self._token(scope, headers)
        mark = VISITOR.set(visitor)
        try:
            await self._app(scope, _limited(receive), send)
        finally:
            VISITOR.reset(mark)

    def _check_source(self, scope: Scope, headers: dict[str, str], trusted: bool) -> None:
        if not self._doors.names.hold(headers.get("host", "")):
            raise Refused(421, "This server does not answer to that host name.")
        opens_page = not scope["path"].startswith(API_PREFIXES)
        if not trusted and is_foreign(headers, changes=_changes(scope), opens_page=opens_page):
            raise Refused(403, "Requests from other web pages are not accepted.")
        if scope["path"].startswith(CLOSED_PREFIXES):
            raise Refused(404, "Not Found")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise Refused(413, f"A request may have at most {LARGEST_BODY // 2**20} MB.")

    async def _visitor(self, scope: Scope, headers: dict[str, str]) -> Visitor:
        if not self._doors.locked:
            if came_through_proxy(headers):
                raise Refused(403, "Behind a proxy this program needs users: webui.py users add.")
            return OWNER
        address = (scope.get("client") or ("",))[0]
        try:
            return await self._doors.identity.recognise(headers, address)
        except TooManyTries as error:
            wait = (b"retry-after", b"%d" % error.wait_s)
            raise Refused(error.status, str(error), [wait]) from error
        except NotAdmitted as error:
            if scope["type"] == "http" and scope["path"] in OPEN_PATHS:
                return Visitor("", "user")
            if _wants_page(scope, headers):
                raise Refused(303, "", [(b"location", _login(scope))]) from error
            ask = [] if is_browser(headers) else [(b"www-authenticate", b'Basic realm="Easel"')]
            raise Refused(401, error.message, ask) from error

    def _check_token(self, scope: Scope, headers: dict[str, str], trusted: bool) -> None:
        needs = _changes(scope) and is_browser(headers) and not trusted
        if needs and not self._doors.token.is_in(headers):
            raise Refused(403, "This page is from an earlier start of the program. Reload it.")

    def _token(self, scope: Scope, headers: dict[str, str]) -> Headers:
        if self._doors.token.is_in(headers):
            return []
        value = self._doors.token.header(headers, secure=scope.get("scheme") == "https")
        return [(b"set-cookie", value.encode())]

    def _finishing(self, scope: Scope, send: Send, extra: Headers) -> Send:
        """Add headers to the answer: what browsers may do with it, and how long it took.

        `extra` may still grow until the answer starts.
        """
        start = time.perf_counter()

        async def finishing(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken = time.perf_counter() - start
                given: Headers = list(message.get("headers", ()))
                given += [*extra, (b"x-process-time", b"%.4f" % taken)]
                given += hardening(given, page=not scope["path"].startswith(API_PREFIXES))
                message = {**message, "headers": given}
                self._log_call(scope, message["status"], taken)
            await send(message)

        return finishing

    def _log_call(self, scope: Scope, status: int, taken: float) -> None:
        if self._doors.log_calls and scope["path"].startswith("/sdapi"):
            client = (scope.get("client") or ("",))[0]
            line = "API %s HTTP/%s %s %s %s %.4f s"
            version, method = scope["http_version"], scope["method"]
            log.info(line, status, version, method, scope["path"], client, taken)


PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-max-age", b"600"),
]


def _cors(headers: dict[str, str]) -> Headers:
    """What lets a trusted page read the answer."""
    allowed = headers.get("access-control-request-headers", "content-type, authorization")
    return [
        (b"access-control-allow-origin", headers["origin"].encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-headers", allowed.encode("latin-1")),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"vary", b"Origin"),
    ]


def _is_preflight(scope: Scope, headers: dict[str, str]) -> bool:
    asks = "access-control-request-method" in headers
    return scope["type"] == "http" and scope["method"] == "OPTIONS" and asks


def _changes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS


def _may_have_token(scope: Scope, headers: dict[str, str]) -> bool:
    """Our page gets the token with anything it reads; it may be older than this start."""
    own = headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    opened = headers.get("sec-fetch-mode") == "navigate" or _wants_page(scope, headers)
    return not _changes(scope) and (opened or ("sec-fetch-site" in headers and own))


def _wants_page(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether a person is opening a page."""
    return scope["type"] == "http" and "text/html" in headers.get("accept", "")


def _login(scope: Scope) -> bytes:
    """The login page's address from where the visitor is: a proxy may serve us below a prefix."""
    depth = scope["path"].count("/") - 1
    return ("../" * depth + "login").encode()


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refused.message})
        return
    body = b""
    if refused.message:
        body = json.dumps(error_body("HTTPException", refused.message)).encode()
    headers: Iterable[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *refused.headers,
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
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
