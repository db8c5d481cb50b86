"""The page's own files: from memory, kept by browsers for good, and asked for early.

A browser learns of most files of a page only from other files, in turns: the first script names the
next. Here the page itself names all that were fetched the last time somebody opened it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".png": "image/png",
    ".wasm": "application/wasm",
}
"""What browsers are told of files, whatever this system thinks of their names."""
FOR_EVER = b"public, max-age=31536000, immutable"
"""For addresses that change with what lies there."""
LARGEST_KEPT = 2 * 2**20
"""Bytes; larger files are read again each time."""
OPENING_S = 5.0
"""Seconds in which a page that was sent asks for what it needs."""
HEAD = b"<head>"


class QuickFiles:
    """An application that serves one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._kept: dict[str, bytes] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        method = scope.get("method")
        content = await self._content(name) if method in ("GET", "HEAD") else None
        if content is None:
            status, kind, content = 404, "text/plain", b"There is no such file."
            headers = []
        else:
            status, kind = 200, KINDS.get(Path(name).suffix, "application/octet-stream")
            headers = [(b"cache-control", FOR_EVER)]
        headers += [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})

    async def _content(self, name: str) -> bytes | None:
        kept = self._kept.get(name)
        return kept if kept is not None else await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> bytes | None:
        """What lies in the folder under a name; None if nothing does, or it is outside."""
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder) or not path.is_file():
                return None
            content = path.read_bytes()
        except (OSError, ValueError):  # a name that no file can have
            return None
        if len(content) <= LARGEST_KEPT:
            self._kept[name] = content
        return content


class EarlyFiles:
    """Names the files in the page's head that it asked for the last time; a middleware.

    What was asked for is kept in `file`, for pages with the mark `mark` alone: another version of
    the program has other files.
    """

    def __init__(
        self,
        application: Application,
        file: Path,
        mark: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application, self._file, self._mark, self._clock = application, file, mark, clock
        self._names = read_names(file, mark)
        self._sent: float | None = None
        self._saving: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; add to the answer if it is the page."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._application(scope, receive, self._noting(scope, send))
            return
        started: list[Message] = []

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start" and is_page(message):
                started.append(message)
                return
            if started:
                start = started.pop()
                message = self._with_names(start, message)
                await send(start)
            await send(message)

        await self._application(scope, receive, adding)

    def _noting(self, scope: Message, send: Send) -> Send:
        """`send`, noting which files a page that has just been sent asks for."""
        if self._sent is None or scope["type"] != "http":
            return send
        if self._clock() - self._sent > OPENING_S or not is_file(scope["path"]):
            return send

        async def noting(message: Message) -> None:
            if message.get("status") == 200 and scope["path"] not in self._names:
                self._names[scope["path"]] = None
                self._save_soon()
            await send(message)

        return noting

    def _with_names(self, start: Message, body: Message) -> Message:
        """The page with all names in its head; as it is if it comes in pieces."""
        self._sent = self._clock()
        content: bytes = body.get("body", b"")
        if body.get("more_body") or HEAD not in content:
            return body
        content = content.replace(HEAD, HEAD + links(self._names).encode(), 1)
        others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        start["headers"] = [*others, (b"content-length", str(len(content)).encode())]
        return {**body, "body": content}

    def _save_soon(self) -> None:
        """Write the names down once the page is open."""
        if self._saving is None:
            loop = asyncio.get_running_loop()
            self._saving = loop.call_later(OPENING_S, self._save)

    def _save(self) -> None:
        self._saving = None
        text = json.dumps({"mark": self._mark, "names": list(self._names)})
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, text.encode())
        except OSError as error:
            log.debug("The files of the page are not noted: %s", error)


def is_page(start: Message) -> bool:
    """Whether an answer that begins like this is the page."""
    kind = dict(start.get("headers", ())).get(b"content-type", b"")
    return start["status"] == 200 and kind.startswith(b"text/html")


def is_file(path: str) -> bool:
    """Whether a path is that of a file whose name changes with its content."""
    return path.startswith(("/assets/", "/easel/")) and path.endswith((".js", ".css"))


def links(paths: Iterable[str]) -> str:
    """Markup that has a browser fetch files early, and prepare scripts for being run."""
    kinds = {".js": 'rel="modulepreload"', ".css": 'rel="preload" as="style"'}
    return "".join(
        f'<link {kinds[Path(path).suffix]} href=".{path}">'
        for path in paths
        if not set(path) & set("\"'<>&")
    )


def read_names(file: Path, mark: str) -> dict[str, None]:
    """What was noted for this version's page, in order; nothing if that was another's."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["mark"] != mark:
            return {}
        return dict.fromkeys(name for name in said["names"] if is_file(str(name)))
    except (OSError, ValueError, TypeError, KeyError):
        return {}
