"""Which names are ours, and which pages may speak to us (Fetch Metadata; else Origin)."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "localhost."})
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]@/\\\s]+)(?::\d{1,5})?")
FORWARDING = ("x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip")
ADDRESS = re.compile(r"\[[0-9a-fA-F:.]+\]|[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*")


class Names:
    """The host names this server answers to. `add` may be called while it serves."""

    def __init__(self, names: tuple[str, ...] = (), *, any_address: bool = False) -> None:
        """`any_address` admits every literal IP address, not only those of this computer."""
        self._names = set(LOOPBACK_NAMES) | {name.lower() for name in names}
        self._any_address = any_address

    def add(self, name: str) -> None:
        """Answer to `name` too, from now on."""
        self._names.add(name.lower())

    def hold(self, host: str) -> bool:
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
        return address.is_loopback or self._any_address


class TrustedOrigins:
    """Pages elsewhere that the owner lets use the API, by flag."""

    def __init__(self, listed: str = "", pattern: str = "") -> None:
        """`listed` is separated by commas; `pattern` must match an origin as a whole."""
        self._listed = {one.strip().rstrip("/").lower() for one in listed.split(",")} - {""}
        self._pattern = re.compile(pattern, re.IGNORECASE) if pattern else None

    def hold(self, origin: str | None) -> bool:
        """Whether `origin` is trusted; "null", which any page can send, never is."""
        if not origin or origin == "null":
            return False
        known = origin.lower() in self._listed
        return known or (self._pattern is not None and bool(self._pattern.fullmatch(origin)))


def is_browser(headers: Mapping[str, str]) -> bool:
    """Whether a page sent this; programs send none of these headers."""
    return "origin" in headers or any(name.startswith("sec-fetch-") for name in headers)


def is_foreign(headers: Mapping[str, str], *, changes: bool, opens_page: bool) -> bool:
    """Whether another page sent this, and not by an ordinary link to one of our pages."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        by_link = headers.get("sec-fetch-mode") == "navigate"
        in_frame = headers.get("sec-fetch-dest", "document") != "document"
        if changes or not opens_page or not by_link or in_frame:
            return True
    origin = headers.get("origin")
    if origin is None:
        return False
    parts = urlsplit(origin) if origin != "null" else None
    return parts is None or parts.netloc.lower() != headers.get("host", "").lower()


def came_through_proxy(headers: Mapping[str, str]) -> bool:
    """Whether a proxy says that somebody on another computer is asking."""
    for name in FORWARDING:
        for text in ADDRESS.findall(headers.get(name, "")):
            try:
                address = ipaddress.ip_address(text.strip("[]"))
            except ValueError:
                return True
            if not address.is_loopback:
                return True
    return False
