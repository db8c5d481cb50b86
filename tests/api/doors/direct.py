"""Requests straight to an application, byte for byte, without a client that tidies them up."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.routing import Mount

PATIENCE_S = 20


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(app, method, target, headers=None, body=b""):
    """Send one request; `target` is path and query as they stand in the request's first line."""
    path, _, query = target.partition("?")
    given = {"host": "127.0.0.1:7860", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7860),
        "state": {},
    }
    sent, asked = [], False

    async def receive():
        nonlocal asked
        if asked:
            await asyncio.sleep(PATIENCE_S)
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    with contextlib.suppress(Exception):  # what a server would log; an answer may be there
        await asyncio.wait_for(app(scope, receive, send), PATIENCE_S)
    first = sent[0] if sent else {"status": 500, "headers": []}
    found = {name.decode().lower(): value.decode() for name, value in first["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(first["status"], found, content)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield every method and path of an application, those of mounted ones too."""
    yield from _routes(app.routes, "")


def _routes(routes, prefix):
    for route in routes:
        if isinstance(route, Mount):
            inner = getattr(route, "routes", None) or []
            if inner:
                yield from _routes(inner, prefix + route.path)
            else:
                yield "GET", f"{prefix}{route.path}/x"
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes, prefix)
        elif hasattr(route, "path"):
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, prefix + route.path
