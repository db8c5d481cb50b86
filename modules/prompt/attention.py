"""Attention syntax: `(a)` counts more, `[a]` less, `(a:1.3)` by a number, `\\(` is a bracket.

`parse_attention` is total: every string has a meaning, and it takes time linear in its length.
"""

import re
from typing import NamedTuple

BREAK_WORD = "BREAK"
BREAK_WEIGHT = -1.0

ROUND_FACTOR = 1.1
SQUARE_FACTOR = 1 / 1.1

MAX_DEPTH = 100
"""Brackets opened deeper than this change nothing: 1.1 ** 100 is far beyond any use."""

_TOKEN = re.compile(
    r"""
    \\[()\[\]\\]?                                          # an escape, or a lone backslash
    | :\s*(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*\)   # :1.3)
    | [()\[\]:]
    | [^\\()\[\]:]+
    """,
    re.VERBOSE,
)
_BREAK = re.compile(rf"\b{BREAK_WORD}\b")


class Segment(NamedTuple):
    """A piece of a prompt and how much it counts; 1 is normal."""

    text: str
    weight: float

    @property
    def is_break(self) -> bool:
        """Whether this is the mark that ends a chunk of 75 tokens."""
        return self.text == BREAK_WORD and self.weight == BREAK_WEIGHT


class Pieces:
    """A list of weighted texts under construction."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._weights: list[float] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str) -> None:
        """Append literal text of weight 1."""
        self._texts.append(text)
        self._weights.append(1.0)

    def add_with_breaks(self, text: str) -> None:
        """Append text, in which the word BREAK (with the space around it) becomes a mark."""
        parts = _BREAK.split(text)
        for index, part in enumerate(parts):
            if index > 0:
                self._texts.append(BREAK_WORD)
                self._weights.append(BREAK_WEIGHT)
                part = part.lstrip()
            self.add(part if index == len(parts) - 1 else part.rstrip())

    def multiply(self, start: int | None, factor: float) -> None:
        """Multiply every weight from `start` on; `None` stands for a bracket without effect."""
        if start is not None:
            self._weights[start:] = [weight * factor for weight in self._weights[start:]]

    def merged(self) -> list[Segment]:
        """Return the pieces with neighbours of equal weight joined; never an empty list."""
        if not self._texts:
            return [Segment("", 1.0)]
        segments: list[Segment] = []
        run: list[str] = []
        weight = self._weights[0]
        for text, own in zip(self._texts, self._weights, strict=True):
            if own != weight:
                segments.append(Segment("".join(run), weight))
                run, weight = [], own
            run.append(text)
        segments.append(Segment("".join(run), weight))
        return segments


class OpenBrackets:
    """Where brackets of several kinds stand open, one stack a kind."""

    def __init__(self, kinds: str) -> None:
        self._stacks: dict[str, list[int | None]] = {kind: [] for kind in kinds}
        self.depth = 0
        """How many are open at present."""

    def open(self, kind: str, at: int) -> None:
        """Open a bracket before piece number `at`."""
        self._stacks[kind].append(at if self.depth < MAX_DEPTH else None)
        self.depth += 1

    def is_open(self, kind: str) -> bool:
        """Whether a bracket of this kind waits for its end."""
        return bool(self._stacks[kind])

    def close(self, kind: str) -> int | None:
        """Close the innermost one and return the piece it began at, None if it is too deep."""
        self.depth -= 1
        return self._stacks[kind].pop()


def parse_attention(text: str) -> list[Segment]:
    """Split a prompt into weighted segments.

    The word BREAK becomes a segment `("BREAK", -1.0)`; inside weighted brackets its weight changes
    with the others, and it is then a word like any other. Text with malformed numbers such as
    `(a:1.2.3)` is read as text in plain brackets.
    """
    pieces = Pieces()
    brackets = OpenBrackets("([")
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token[0] == "\\":
            pieces.add(token[1:])
        elif token in ("(", "["):
            brackets.open(token, len(pieces))
        elif match["number"] is not None and brackets.is_open("("):
            pieces.multiply(brackets.close("("), float(match["number"]))
        elif token == ")" and brackets.is_open("("):
            pieces.multiply(brackets.close("("), ROUND_FACTOR)
        elif token == "]" and brackets.is_open("["):
            pieces.multiply(brackets.close("["), SQUARE_FACTOR)
        else:
            pieces.add_with_breaks(token)

    while brackets.is_open("("):
        pieces.multiply(brackets.close("("), ROUND_FACTOR)
    while brackets.is_open("["):
        pieces.multiply(brackets.close("["), SQUARE_FACTOR)
    return pieces.merged()
