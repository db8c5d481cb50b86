"""What went wrong with an extension, and calls that cannot hurt anybody else."""

import contextvars
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modules.errors import WebUIError


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One thing that went wrong."""

    extension: str
    where: str
    """The hook or file."""
    message: str
    """What happened, as a sentence."""
    process: str = "server"
    details: str = ""
    """The end of the traceback, in the extension's own files."""
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        return f"The extension {self.extension} was switched off: {self.message}"


class TooSlow(WebUIError):
    """A hook that took longer than anybody should wait."""


def trouble_of(extension: str, where: str, error: BaseException, process: str) -> Trouble:
    """Describe what an extension raised."""
    if isinstance(error, WebUIError):
        message = str(error)
    else:
        message = f"{where}: {type(error).__name__}: {error}"
    lines = traceback.format_exception(error, limit=-4)
    return Trouble(
        extension=extension,
        where=where,
        message=message,
        process=process,
        details="".join(lines)[-3000:],
    )


def within(limit_s: float, work: Callable[[], Any]) -> Any:
    """Return what `work` returns, or raise what it raises; TooSlow if it takes too long.

    It runs beside, in the same context; one that never ends is left to itself.
    """
    answers: list[Any] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            answers.append(context.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="extension", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        raise TooSlow(f"It was not done after {limit_s:g} seconds.")
    if errors:
        raise errors[0]
    return answers[0]
