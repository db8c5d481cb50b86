"""Who is asking: a session cookie, or HTTP Basic (RFC 7617), as A1111's clients send it."""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping

from modules.api.doors.cookies import cookie_name, cookies_of, session_of
from modules.api.doors.throttle import Throttle
from modules.errors import WebUIError
from modules.service.users import Users
from modules.service.visitor import Visitor

REMEMBERED = 256
"""Right passwords kept in mind, so that not every call of a client costs a slow hash."""


class NotAdmitted(WebUIError):
    """Nobody, or a wrong name or password."""

    status = 401


class TooManyTries(WebUIError):
    """Wrong passwords again and again; `wait_s` seconds must pass."""

    status = 429

    def __init__(self, wait_s: int) -> None:
        super().__init__("Too many wrong passwords.", f"Try again in {wait_s} seconds.")
        self.wait_s = wait_s


class Identity:
    """Recognises visitors. Belongs to one event loop; slow hashes run beside it, two at a time."""

    def __init__(self, users: Users) -> None:
        self.users = users
        self._throttle = Throttle()
        self._hashing = asyncio.Semaphore(2)
        self._known: OrderedDict[bytes, tuple[str, str]] = OrderedDict()
        self._salt = secrets.token_bytes(16)

    async def recognise(self, headers: Mapping[str, str], address: str) -> Visitor:
        """Return who sent these headers. Raises NotAdmitted or TooManyTries."""
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, password = _pair(encoded)
            return await self.log_in(name, password, address)
        session = cookies_of(headers).get(cookie_name("session", headers), "")
        visitor = session_of(self.users, session) if session else None
        if visitor is None:
            raise NotAdmitted("Not authenticated")
        return visitor

    async def log_in(self, name: str, password: str, address: str) -> Visitor:
        """Return who that is. Raises NotAdmitted or TooManyTries."""
        account = self.users.accounts.get(name)
        digest = hashlib.sha256(b"\0".join((self._salt, name.encode(), password.encode()))).digest()
        if account is not None and self._known.get(digest) == (name, account.hash):
            return Visitor(account.name, account.role)
        self._refuse_if_throttled(address)
        async with self._hashing:
            self._refuse_if_throttled(address)
            account = await asyncio.to_thread(self.users.check, name, password)
        if account is None:
            self._throttle.failed(address)
            raise NotAdmitted("Incorrect username or password")
        self._known[digest] = (name, account.hash)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return Visitor(account.name, account.role)

    def _refuse_if_throttled(self, address: str) -> None:
        wait_s = self._throttle.wait_s(address)
        if wait_s:
            raise TooManyTries(wait_s)


def _pair(encoded: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password
