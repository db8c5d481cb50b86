"""Two cookies: one proves that a page came from this start of the program, one who logged in.

Browsers send cookies to every port of a host, so their names hold the port: two programs on one
computer do not overwrite each other's.
"""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping

from modules.service.users import Users
from modules.service.visitor import Visitor

SESSION_S = 14 * 24 * 3600
"""Seconds until somebody has to log in again."""


def cookie_name(kind: str, headers: Mapping[str, str]) -> str:
    """Return the cookie's name on the host and port the browser speaks to."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"easel_{kind}_{port if port.isdigit() else ''}"


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Read the Cookie header."""
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def set_cookie(name: str, value: str, *, secure: bool, seconds: int | None = None) -> str:
    """Write a Set-Cookie header that scripts cannot read and other sites' pages cannot use."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    parts += [f"Max-Age={seconds}"] if seconds is not None else []
    return "; ".join([*parts, *(["Secure"] if secure else [])])


class LaunchToken:
    """A secret of this start; our own page has it, because it was given out with the page."""

    def __init__(self) -> None:
        self.value = secrets.token_urlsafe(24)

    def is_in(self, headers: Mapping[str, str]) -> bool:
        """Whether the browser holds it."""
        given = cookies_of(headers).get(cookie_name("page", headers), "")
        return hmac.compare_digest(given.encode(), self.value.encode())

    def header(self, headers: Mapping[str, str], *, secure: bool) -> str:
        """Give it out; it ends with the browser's session."""
        return set_cookie(cookie_name("page", headers), self.value, secure=secure)


def session_for(users: Users, name: str) -> str:
    """Return a cookie's value that says who logged in; ends with the account or its password."""
    until = str(int(time.time()) + SESSION_S)
    shown = base64.urlsafe_b64encode(name.encode()).decode()
    return f"{shown}.{until}.{users.sign(name, until)}"


def session_of(users: Users, value: str) -> Visitor | None:
    """Return who logged in with this cookie; None if it is forged, over, or the account is gone."""
    shown, _, rest = value.partition(".")
    until, _, signature = rest.partition(".")
    try:
        name = base64.urlsafe_b64decode(shown.encode()).decode()
    except (binascii.Error, ValueError):
        return None
    wanted = users.sign(name, until)
    right = wanted and hmac.compare_digest(wanted.encode(), signature.encode())
    if not right or not until.isdigit() or int(until) < time.time():
        return None
    return users.visitor(name)
