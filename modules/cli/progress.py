"""The event stream in a terminal: one line that moves, or plain lines where nothing can move."""

import sys
from typing import TextIO

from modules.schema.event import (
    Event,
    Failed,
    ImageReady,
    Loading,
    Notice,
    Progress,
    Started,
    Stopped,
)

BAR = 24
"""Characters of the bar."""


class ProgressPrinter:
    """Prints events as they come. Moving lines go to `stream`, finished pictures to stdout."""

    def __init__(self, stream: TextIO | None = None, moving: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty() if moving is None else moving
        self._width = 0

    def show(self, event: Event) -> None:
        """Print what `event` says, if it says something to a person at a terminal."""
        match event:
            case Loading(what=what):
                self._line(f"Loading {what}")
            case Started(start_image=start) if start > 0:
                self._keep(f"Going on from picture {start + 1}")
            case Progress():
                self._line(bar(event))
            case ImageReady(image=image) if image.path:
                self._clear()
                print(image.path, flush=True)
            case Notice(message=message):
                self._keep(message)
            case Stopped():
                self._keep("Stopped; finished pictures are kept.")
            case Failed(message=message, hint=hint):
                self._keep(f"{message}\n{hint}".strip())
            case _:
                pass

    def _line(self, text: str) -> None:
        if self._moving:
            self._stream.write("\r" + text.ljust(self._width))
            self._stream.flush()
            self._width = len(text)

    def end(self) -> None:
        """Take the moving line away."""
        self._clear()

    def _clear(self) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def _keep(self, text: str) -> None:
        self._clear()
        print(text, file=self._stream, flush=True)


def bar(progress: Progress) -> str:
    """Draw how far a job is: `[######......]  50 %  step 10 of 20, 0:07 left`."""
    full = round(BAR * progress.fraction)
    minutes, seconds = divmod(round(progress.eta_s), 60)
    batch = f"batch {progress.batch + 1} of {progress.batches}, " if progress.batches > 1 else ""
    return (
        f"[{'#' * full}{'.' * (BAR - full)}] {progress.fraction:4.0%}"
        f"  {batch}step {progress.step} of {progress.steps}, {minutes}:{seconds:02} left"
    )
