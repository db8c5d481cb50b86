"""Pictures from web addresses, without becoming a way into the network this computer stands in.

Every name is resolved once, every address it has is checked, and the connection goes to the checked
address itself, so that a name cannot mean something else a moment later. A redirect is a new
address and goes through all of it again. Nothing is sent but the request: no cookies, no
credentials, no way through a proxy.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from modules.api.public_addresses import is_public
from modules.errors import InvalidRequest

MOST_BYTES = 64 * 2**20
MOST_SECONDS = 30.0
MOST_REDIRECTS = 5
LONGEST_ADDRESS = 2000
CHUNK = 2**16
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
WEB_ADDRESS = re.compile(r"\s*https?:", re.IGNORECASE)
PICTURE_STARTS = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|.{4}ftypavi[fs]|BM|II\*\x00|MM\x00\*", re.S
)
"""How the files begin that can be pictures."""

Resolve = Callable[[str, int], list[str]]
"""Every address of a name, as literals. Raises OSError."""
Connect = Callable[[str, int, float], socket.socket]
"""A connection to an address and a port within some seconds. Raises OSError."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the owner allows."""

    allowed: bool = False
    public_only: bool = True
    user_agent: str = ""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for every address of `host`. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to a literal address; anything else is refused before and after. Raises OSError."""
    ipaddress.ip_address(address)
    connection = socket.create_connection((address, port), timeout)
    if ipaddress.ip_address(connection.getpeername()[0]) != ipaddress.ip_address(address):
        connection.close()
        raise OSError("the connection leads elsewhere")
    return connection


def is_web_address(text: str) -> bool:
    """Whether `text` names a picture by address instead of holding it."""
    return WEB_ADDRESS.match(text[:100]) is not None


def fetch_picture(
    url: str, rules: Rules, *, resolve: Resolve = resolve, connect: Connect = connect
) -> bytes:
    """Return the picture file at `url`.

    Raises InvalidRequest if addresses are not allowed, for one that is malformed or not public,
    after `MOST_SECONDS`, above `MOST_BYTES`, and for what does not begin like a picture.
    """
    if not rules.allowed:
        raise InvalidRequest(
            "Pictures are not fetched from addresses here.",
            "Send the picture itself in base64, or set api_enable_requests in config.json.",
        )
    deadline = time.monotonic() + MOST_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        parts = split(url)
        addresses = checked(parts, rules, resolve)
        content, elsewhere = _visit(parts, addresses, rules, deadline, connect)
        if not elsewhere:
            return content
        url = urljoin(url, elsewhere)
    raise InvalidRequest(f"The address leads on and on, more than {MOST_REDIRECTS} times.")


def split(url: str) -> SplitResult:
    """Take an address apart. Raises InvalidRequest for all but plain web addresses."""
    url = url.strip()
    if len(url) > LONGEST_ADDRESS or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise _malformed("it is too long, or has spaces or signs that must be encoded")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _malformed(str(error)) from None
    if parts.scheme not in PORTS:
        raise _malformed("it begins neither with http:// nor with https://")
    if "@" in parts.netloc:
        raise _malformed("it has a name or a password before the host")
    if not host or "%" in host or port == 0:
        raise _malformed("it has no proper host")
    return parts


def _malformed(why: str) -> InvalidRequest:
    return InvalidRequest(f"The picture's address cannot be used: {why}.", "Check the address.")


def checked(parts: SplitResult, rules: Rules, resolve: Resolve) -> list[str]:
    """Return the addresses of the host; one that is not public spoils all. Raises InvalidRequest"""
    assert parts.hostname is not None
    try:
        addresses = resolve(parts.hostname, parts.port or PORTS[parts.scheme])
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        raise InvalidRequest("The host of the picture's address is not known.", "Check its name.")
    if rules.public_only and not all(map(is_public, addresses)):
        raise InvalidRequest(
            "The picture's address is not on the public internet.",
            "Send the picture itself in base64.",
        )
    return addresses


def _visit(
    parts: SplitResult, addresses: list[str], rules: Rules, deadline: float, connect: Connect
) -> tuple[bytes, str]:
    """Ask once; returns the content, or where else to look."""
    try:
        connection = _connected(addresses, parts, deadline, connect)
        watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (connection,))
        watchdog.daemon = True
        watchdog.start()
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            return _ask(connection, parts, rules, deadline)
        finally:
            watchdog.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        if time.monotonic() >= deadline:
            raise _slow() from None
        raise InvalidRequest(
            "The picture could not be fetched: the connection failed or broke.",
            "Try again, or send the picture itself in base64.",
        ) from None


def _connected(
    addresses: list[str], parts: SplitResult, deadline: float, connect: Connect
) -> socket.socket:
    """Connect to the first address that answers; what TLS begins with is still to come."""
    failure = OSError("no address")
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            plain = connect(address, parts.port or PORTS[parts.scheme], left)
        except OSError as error:
            failure = error
            continue
        if parts.scheme == "http":
            return plain
        try:
            context = ssl.create_default_context()
            return context.wrap_socket(
                plain, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
        except OSError:
            plain.close()
            raise
    raise failure


def _ask(
    connection: socket.socket, parts: SplitResult, rules: Rules, deadline: float
) -> tuple[bytes, str]:
    assert parts.hostname is not None
    talk = http.client.HTTPConnection(parts.hostname, parts.port or PORTS[parts.scheme])
    talk.default_port = PORTS[parts.scheme]
    talk.sock = connection
    headers = {"Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
    headers["User-Agent"] = rules.user_agent or "Easel"
    talk.request(
        "GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), "", headers
    )
    with talk.getresponse() as answer:
        if answer.status in REDIRECTS:
            return b"", answer.getheader("Location") or "/"
        if answer.status != 200:
            raise InvalidRequest(f"There is no picture at the address: status {answer.status}.")
        return _content(answer, deadline), ""


def _content(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """Read what comes, as long as it can be a picture."""
    if (answer.length or 0) > MOST_BYTES:
        raise _large()
    content = bytearray()
    while part := answer.read1(CHUNK):
        content += part
        if len(content) > MOST_BYTES:
            raise _large()
        if len(content) >= 16 and not PICTURE_STARTS.match(content):
            break
        if time.monotonic() >= deadline:
            raise _slow()
    if time.monotonic() >= deadline:  # then it was cut off, and what came may be anything
        raise _slow()
    if not PICTURE_STARTS.match(content):
        raise InvalidRequest(
            "There is no picture at the address.", "Use one that shows nothing but the picture."
        )
    if answer.length:
        raise http.client.IncompleteRead(bytes(content[:1]))
    return bytes(content)


def _cut(connection: socket.socket) -> None:
    """End a connection that another thread waits on."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


def _slow() -> InvalidRequest:
    return InvalidRequest(f"The picture did not come within {MOST_SECONDS:.0f} seconds.")


def _large() -> InvalidRequest:
    return InvalidRequest(f"The picture at the address is larger than {MOST_BYTES // 2**20} MB.")
