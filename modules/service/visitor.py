"""Who is asking, from the door through every handler down to the job."""

from contextvars import ContextVar
from dataclasses import dataclass

from modules.errors import WebUIError

ADMIN, USER = ROLES = ("admin", "user")


class Forbidden(WebUIError):
    """Something that only an administrator may do."""

    status = 403


@dataclass(frozen=True)
class Visitor:
    """A name and what its bearer may do."""

    name: str
    role: str

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.role == ADMIN


OWNER = Visitor("", ADMIN)
"""Whoever uses a program without users: the person at this computer."""

VISITOR: ContextVar[Visitor] = ContextVar("visitor", default=OWNER)
"""Set by the guard for each connection; threads that handlers start on its behalf inherit it."""


def require_admin(what: str) -> None:
    """Raise Forbidden unless the one who asks is an administrator; `what` completes "Only ..."."""
    if not VISITOR.get().is_admin:
        raise Forbidden(f"Only an administrator may {what}.", "Ask one, or log in as one.")
