"""One thing the doctor looked at."""

from dataclasses import dataclass

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
"""How a finding can be; only a bad one makes the command fail."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    subject: str
    state: str
    seen: str
    advice: str = ""

    def line(self) -> str:
        """Describe it for the terminal."""
        mark = {GOOD: "ok", DOUBTFUL: "? ", BAD: "!!"}[self.state]
        text = f"{mark}  {self.subject}: {self.seen}"
        return f"{text}\n      {self.advice}" if self.advice else text
