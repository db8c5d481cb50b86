"""The few kinds of failure a person can meet. Code raises the kind; only the doors translate it."""

from collections.abc import Iterable
from difflib import get_close_matches


class WebUIError(Exception):
    """Something went wrong in a way we can explain.

    `message` says what happened and why, `hint` what to do about it, `status` is the HTTP code the
    REST door answers with.
    """

    status = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidRequest(WebUIError):
    """The request itself cannot be carried out; nothing was started."""

    status = 422


class NotFound(WebUIError):
    """A name that means nothing here; the message offers the nearest names that do."""

    status = 404

    def __init__(self, kind: str, name: str, choices: Iterable[str] = ()) -> None:
        known = list(choices)
        super().__init__(f"No {kind} called {name!r}.", closest_hint(name, known))
        self.kind = kind
        self.name = name
        self.choices = known

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.kind, self.name, self.choices))


class ModelError(WebUIError):
    """A model file that cannot be used: broken, incomplete, of an unknown kind, or refused."""


class OutOfMemory(WebUIError):
    """The device's memory was not enough for this task."""


class EngineDown(WebUIError):
    """The process that draws died or cannot be reached."""

    status = 503


class Interrupted(WebUIError):
    """The task was stopped on request. Not a failure."""

    status = 409


def closest_hint(name: str, choices: Iterable[str]) -> str:
    """Return a sentence that offers the names nearest to `name`, or lists what there is."""
    known = {choice.lower(): choice for choice in choices}
    near = [known[match] for match in get_close_matches(name.lower(), known, n=3, cutoff=0.5)]
    if near:
        return f"Did you mean {' or '.join(repr(match) for match in near)}?"
    if not known:
        return "There are none at all."
    listed = list(known.values())
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return f"There are: {', '.join(listed[:8])}{more}."
