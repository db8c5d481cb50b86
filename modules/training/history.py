"""What a training printed, kept: one line of JSON for each report, beside the state.

A run that was killed makes some steps twice; their lines are replaced, so that there is one line
for each.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

ENDING = ".history.jsonl"


@dataclass(frozen=True)
class Line:
    """The mean figures of the steps up to `step`, and the time (seconds since the epoch)."""

    step: int
    time: float
    figures: dict[str, float]


class History:
    """The lines of one stage, in a file that grows."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def beside(cls, state: Path) -> "History":
        """The history of the stage whose state is in this file ("unet.pt")."""
        return cls(state.with_suffix(ENDING))

    def lines(self) -> list[Line]:
        """Everything that is known, by step; half a line, left by a kill, is passed over."""
        if not self.file.is_file():
            return []
        found = []
        for text in self.file.read_text(encoding="utf-8").splitlines():
            try:
                given = json.loads(text)
            except ValueError:
                continue  # the process was killed in the middle of this line
            found.append(Line(given.pop("step"), given.pop("time"), given))
        return found

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps after this one: they will be made again."""
        if not self.file.is_file():
            return
        kept = [line for line in self.lines() if line.step <= step]
        part = self.file.with_suffix(".part")
        part.write_text("".join(_text(line) for line in kept), encoding="utf-8")
        os.replace(part, self.file)

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Write one line."""
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(_text(Line(step, round(time.time(), 1), figures)))


def _text(line: Line) -> str:
    return json.dumps({"step": line.step, "time": line.time, **line.figures}) + "\n"
