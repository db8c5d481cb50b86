"""Prompts that are a little different each time: wildcards, variants and variables, as a tree.

`__name__` stands for a line of a file, `{a|b}` for one of its parts, `{2$$ and $$a|b|c}` for two of
them joined, `{3::a|b}` for one that is chosen three times as often, `${x=...}` keeps a value (with
`!` the one that was drawn), `${x}` or `${x:otherwise}` is replaced by it. Braces without `|` or
`$$` at their own level are plain text here, so that `{{emphasis}}` keeps its meaning.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

Sequence = tuple["Node", ...]
"""What stands one after the other."""


@dataclass(frozen=True)
class Wildcard:
    """A line of the file called `name`, or of all whose names fit."""

    name: str
    inside_mark: bool = False
    """Whether it stands in `<...>`, where names of networks may look the same."""


@dataclass(frozen=True)
class Option:
    """One of several possibilities; `weight` says how often it is chosen."""

    weight: float
    body: Sequence


@dataclass(frozen=True)
class Variants:
    """From `low` to `high` different ones of `options`, joined."""

    options: tuple[Option, ...]
    low: int = 1
    high: int = 1
    joiner: str = ", "
    counted: bool = False
    """Whether a number of them was asked for."""


@dataclass(frozen=True)
class Keep:
    """Remember `body` as `name`; with `at_once` what was drawn of it, else it is drawn again."""

    name: str
    body: Sequence
    at_once: bool


@dataclass(frozen=True)
class Use:
    """What is remembered as `name`, else `otherwise`."""

    name: str
    otherwise: Sequence | None


Node = str | Wildcard | Variants | Keep | Use


@dataclass(frozen=True)
class Marks:
    """Which marks mean something, and whether a backslash before a brace goes away."""

    wildcards: bool = True
    variants: bool = True
    unescape: bool = True
    """Not in a syntax that reads escaped braces itself."""


WILDCARD = re.compile(r"__(?=[^\s_])([\w./*?\- ]{0,150}?[^\s_])__(?!_)")
WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)::")
COUNT = re.compile(r"(?:(\d+)(?:(-)(\d*))?|-(\d+))\$\$(?:([^|{}$]*)\$\$)?")
ASSIGNMENT = re.compile(r"(\w+)=(!?)")
MENTION = re.compile(r"(\w+)(?::(.*))?", re.DOTALL)
ESCAPED = "{}$_|"
DEEPEST = 40
"""Braces in braces; deeper ones are plain text."""
MOST = 1000
"""Nothing is taken more often than this."""


def is_dynamic(text: str, marks: Marks) -> bool:
    """Whether drawing would replace anything in `text`."""
    return any(not isinstance(node, str) for node in parse(text, marks))


@lru_cache(maxsize=4096)
def parse(text: str, marks: Marks) -> Sequence:
    """Read a text. Never fails: brackets that do not close are plain text."""
    return tuple(_Reader(text, marks).read())


def parse_line(line: str) -> tuple[float, str]:
    """Split a line of a wildcard file into its weight, 1 if none is given, and its text."""
    found = WEIGHT.match(line)
    return (float(found[1]), line[found.end() :]) if found else (1.0, line)


class _Reader:
    """Goes through one text from its beginning to its end."""

    def __init__(self, text: str, marks: Marks) -> None:
        self.text, self.marks = text, marks
        self.plain: list[str] = []
        self.nodes: list[Node] = []
        self.at = 0
        self.closings = closings(text)

    def read(self) -> list[Node]:
        while self.at < len(self.text):
            if not self._step():
                self.plain.append(self.text[self.at])
                self.at += 1
        self._close_plain()
        return self.nodes

    def _step(self) -> bool:
        """Take a mark at the present place; False if none is there."""
        sign = self.text[self.at]
        if sign == "\\":
            return self._escape()
        if sign == "_" and self.marks.wildcards:
            return self._wildcard()
        if sign == "$" and self.marks.variants and self.text.startswith("${", self.at):
            return self._variable()
        return sign == "{" and self.marks.variants and self._variants()

    def _escape(self) -> bool:
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            return False
        drops = self.marks.unescape and following in ESCAPED
        self.plain.append(following if drops else "\\" + following)
        self.at += 2
        return True

    def _wildcard(self) -> bool:
        found = WILDCARD.match(self.text, self.at)
        if found is None:
            return False
        opened = self.text.rfind("<", 0, self.at)
        inside = opened >= 0 and ">" not in self.text[opened : self.at]
        self._add(Wildcard(found[1], inside), found.end())
        return True

    def _variable(self) -> bool:
        end = self.closings.get(self.at + 1, -1)
        if end < 0:
            return False
        inner = self.text[self.at + 2 : end]
        kept, used = ASSIGNMENT.match(inner), MENTION.fullmatch(inner)
        if kept is not None:
            body = parse(inner[kept.end() :], self.marks)
            self._add(Keep(kept[1], body, bool(kept[2])), end + 1)
        elif used is not None:
            otherwise = None if used[2] is None else parse(used[2], self.marks)
            self._add(Use(used[1], otherwise), end + 1)
        return kept is not None or used is not None

    def _variants(self) -> bool:
        end = self.closings.get(self.at, -1)
        if end < 0:
            return False
        inner = self.text[self.at + 1 : end]
        count = COUNT.match(inner)
        parts = split(inner[count.end() :] if count else inner)
        if count is None and len(parts) == 1:
            return False
        options = []
        for part in parts:
            weight, body = parse_line(part)
            options.append(Option(weight, parse(body, self.marks)))
        self._add(_counted(tuple(options), count), end + 1)
        return True

    def _add(self, node: Node, end: int) -> None:
        self._close_plain()
        self.nodes.append(node)
        self.at = end

    def _close_plain(self) -> None:
        if self.plain:
            self.nodes.append("".join(self.plain))
            self.plain = []


def _counted(options: tuple[Option, ...], count: re.Match[str] | None) -> Variants:
    if count is None:
        return Variants(options)
    first, dash, last, at_most, joiner = count.groups()
    low = int((first or "0")[:9])
    high = int((at_most or last or (str(MOST) if dash else first))[:9])
    low, high = sorted((min(low, MOST), min(high, MOST)))
    return Variants(options, low, high, ", " if joiner is None else joiner, counted=True)


def closings(text: str) -> dict[int, int]:
    """Where the brace opened at a place closes; without those that hold very deep nests."""
    opened: list[tuple[int, int]] = []
    found: dict[int, int] = {}
    height, at = 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            opened.append((at, height))
            height = 0
        elif text[at] == "}" and opened:
            start, beside = opened.pop()
            height += 1
            if height <= DEEPEST:
                found[start] = at
            height = max(height, beside)
        at += 1
    return found


def split(inner: str) -> list[str]:
    """Cut at every `|` that stands in no bracket of its own: `[a|b]` alternates as ever."""
    squares = inner.count("[") == inner.count("]")
    depth, start, at, parts = 0, 0, 0, []
    while at < len(inner):
        sign = inner[at]
        if sign == "\\":
            at += 1
        elif sign == "{" or (sign == "[" and squares):
            depth += 1
        elif sign == "}" or (sign == "]" and squares):
            depth = max(0, depth - 1)
        elif sign == "|" and depth == 0:
            parts.append(inner[start:at])
            start = at + 1
        at += 1
    return [*parts, inner[start:]]
