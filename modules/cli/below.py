"""Everything below a path: for servers that share an address with others, behind a proxy."""

from modules.cli.splash import Message, Receive, Send, Splash

HTTP_FOUND = 307


class Below:
    """Takes the path that everything is below out of requests.

    A proxy may have done so already, hence requests without it are answered all the same. What is
    sent names no addresses from the root, save those that are told the path.
    """

    def __init__(self, application: Splash, path: str) -> None:
        """`path` begins with a slash and ends without, as `Launch.below` has it."""
        self._application = application
        self._path = path

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's beginning and end."""
        asked = scope.get("path", "")
        if asked == self._path and scope["type"] == "http":
            await self._move(send)
            return
        if asked.startswith(f"{self._path}/"):
            raw = scope.get("raw_path") or b""
            known = raw.startswith(self._path.encode())
            rest = {"path": asked[len(self._path) :]}
            if known:
                rest["raw_path"] = raw[len(self._path.encode()) :]
            scope = {**scope, **rest}
        await self._application(scope, receive, send)

    async def _move(self, send: Send) -> None:
        """Add the slash: addresses on the page are told from there."""
        place = (b"location", f"{self._path}/".encode())
        await send({"type": "http.response.start", "status": HTTP_FOUND, "headers": [place]})
        await send({"type": "http.response.body", "body": b""})
