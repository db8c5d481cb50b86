"""The people who may come in: `users.json` in the data folder, and pairs given by flags."""

import hmac
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.service.passwords import hash_password, is_password
from modules.service.visitor import ADMIN, ROLES, Visitor
from modules.settings.files import write_atomically
from modules.settings.launch import Launch

log = logging.getLogger(__name__)

NAME = re.compile(r"[^\s:,/\\\x00-\x1f\x7f]{1,64}")
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024


@dataclass(frozen=True)
class Account:
    """One person; `hash` is Argon2id, encoded."""

    name: str
    role: str
    hash: str


class Users:
    """Accounts of a file, read again whenever it changes, and of this start alone. Thread-safe.

    People given by flags are administrators: A1111, whose flags they are, knows no roles.
    """

    def __init__(self, path: Path, given: Mapping[str, str] | None = None) -> None:
        """Read `path`; `given` are passwords by name. Raises WebUIError if the file is broken."""
        self.path = path
        self._lock = threading.Lock()
        self._given = {
            name: Account(name, ADMIN, hash_password(password))
            for name, password in (given or {}).items()
        }
        self._mark = self._changed_at()
        self._stored, self._secret = self._read()
        self._passing_secret = secrets.token_bytes(32)
        self._nobody = ""

    @classmethod
    def of(cls, launch: Launch) -> "Users":
        """The users of a start. Raises WebUIError or InvalidRequest."""
        return cls(launch.paths().users, launch.credentials())

    @property
    def accounts(self) -> dict[str, Account]:
        """Every account by name; one given by flag hides one of the file."""
        with self._lock:
            self._refresh()
            return {**self._stored, **self._given}

    def check(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right. Takes about as long for unknown names."""
        account = self.accounts.get(name)
        if not self._nobody:
            self._nobody = hash_password(secrets.token_hex(8))
        right = is_password(password[:LONGEST_PASSWORD], account.hash if account else self._nobody)
        return account if right else None

    def visitor(self, name: str) -> Visitor | None:
        """Return who that is now; None if there is nobody of that name (any more)."""
        account = self.accounts.get(name)
        return Visitor(account.name, account.role) if account else None

    def sign(self, name: str, text: str) -> str:
        """Return a signature of `text` that ends to be right when the account or password goes."""
        account = self.accounts.get(name)
        if account is None:
            return ""
        key = self._passing_secret if name in self._given else self._secret
        message = "\0".join((name, account.hash, text)).encode()
        return hmac.new(key, message, "sha256").hexdigest()

    def add(self, name: str, password: str, role: str = ADMIN) -> None:
        """Add an account, or change its password and role. Raises InvalidRequest or WebUIError."""
        if not NAME.fullmatch(name):
            raise InvalidRequest(
                f"{name!r} cannot be a user's name.", "Up to 64 characters; no spaces, no / \\ : ,"
            )
        if role not in ROLES:
            raise NotFound("role", role, ROLES)
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InvalidRequest(
                "The password is too short or far too long.",
                f"It has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            )
        account = Account(name, role, hash_password(password))
        with self._lock:
            self._refresh()
            self._write({**self._stored, name: account})

    def remove(self, name: str) -> None:
        """Remove an account of the file. Raises NotFound, InvalidRequest or WebUIError."""
        with self._lock:
            self._refresh()
            if name not in self._stored:
                raise NotFound("user", name, self._stored)
            rest = {other: account for other, account in self._stored.items() if other != name}
            if rest and not any(account.role == ADMIN for account in rest.values()):
                raise InvalidRequest(
                    f"{name!r} is the last administrator.", "Add another administrator first."
                )
            self._write(rest)

    def _refresh(self) -> None:
        mark = self._changed_at()
        if mark == self._mark:
            return
        try:
            self._stored, self._secret = self._read()
            self._mark = mark
        except WebUIError as error:
            log.error("%s Users are as they were before.", error)

    def _changed_at(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def _read(self) -> tuple[dict[str, Account], bytes]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            stored = [Account(**entry) for entry in content["users"]]
            if not all(NAME.fullmatch(one.name) and one.role in ROLES for one in stored):
                raise ValueError("a name or role is not possible")
            return {one.name: one for one in stored}, bytes.fromhex(content["secret"])
        except FileNotFoundError:
            return {}, secrets.token_bytes(32)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WebUIError(
                f"The list of users {self.path} cannot be read: {error}.",
                "Repair it, or delete it and add the users again.",
            ) from error

    def _write(self, accounts: Mapping[str, Account]) -> None:
        content: dict[str, Any] = {
            "users": [asdict(account) for account in accounts.values()],
            "secret": self._secret.hex(),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = os.umask(0o077)
            try:
                write_atomically(self.path, json.dumps(content, indent=1).encode())
            finally:
                os.umask(before)
        except OSError as error:
            raise WebUIError(
                f"The list of users cannot be written: {error.strerror or error}.",
                f"Check the permissions of {self.path.parent}.",
            ) from error
        self._stored = dict(accounts)
        self._mark = self._changed_at()


def check_exposure(launch: Launch, users: Users) -> None:
    """Refuse to serve others without a password. Raises InvalidRequest."""
    if launch.exposed and not users.accounts:
        raise InvalidRequest(
            "Without a password everybody could use this program and see its pictures.",
            "Add a user: python webui.py users add NAME (or start with "
            "--gradio-auth NAME:PASSWORD). Without --listen, --server-name and --share only this "
            "computer is served, and needs none.",
        )
