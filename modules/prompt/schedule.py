"""Prompt editing: `[a:b:0.5]` changes while the picture is drawn, `[a|b]` every step.

The grammar is parsed without recursion and in linear time. What an opening bracket means depends
only on what follows it, so brackets are decided from the last to the first, each looking up the
ones inside it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Span = tuple[int, int]

_TOKEN = re.compile(r"(?:\\[^\n]|[^\\\[\]():|])+|[\[\]():|\\]")
_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_SPECIAL = frozenset("[]():|\\")
_STRAY = frozenset("[]():")


class ScheduledText(NamedTuple):
    """A prompt's text up to and including step `end`."""

    end: int
    text: str


@dataclass(frozen=True)
class Switch:
    """`[before:after:when]`: spans of tokens, `end` the token after the bracket."""

    before: Span
    after: Span
    when: str
    end: int

    def span_at(self, step: int, clock: "Clock") -> Span:
        """The tokens shown at a step (counted from 1)."""
        return self.before if step <= clock.last_step(self.when) else self.after


@dataclass(frozen=True)
class Alternation:
    """`[a|b|c]`: spans of tokens, `end` the token after the bracket."""

    spans: tuple[Span, ...]
    end: int

    def span_at(self, step: int, clock: "Clock") -> Span:
        """The tokens shown at a step (counted from 1)."""
        return self.spans[(step - 1) % len(self.spans)]


Construct = Switch | Alternation


@dataclass(frozen=True)
class Clock:
    """What numbers in a prompt mean: how many steps this pass has and where it begins."""

    steps: int
    steps_before: int = 0
    share_before: float = 0.0
    old: bool = False

    def last_step(self, number: str) -> int:
        """Last step before the switch; a number with a point is a share of the steps."""
        value = float(number)
        if self.old:
            value = value * self.steps if value < 1 else value
        elif "." in number:
            value = (value - self.share_before) * self.steps
        else:
            value = value - self.steps_before
        if not value < self.steps:
            return self.steps
        return int(max(value, 0.0))


def clock_for(steps: int, hires_steps: int | None = None, *, old: bool = False) -> Clock:
    """Return the clock of a pass: the hires pass where `hires_steps` is given.

    Steps are calls of the denoiser: twice the number people enter for second-order samplers.
    """
    if hires_steps is None or old:
        return Clock(steps, old=old)
    return Clock(hires_steps, steps_before=steps, share_before=1.0)


@dataclass
class Tree:
    """A prompt in tokens, and the constructs among them by the token they open at."""

    tokens: list[str]
    constructs: dict[int, Construct] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    """For every balanced bracket, plain ones too, the token after it."""

    def is_text(self, index: int) -> bool:
        """Whether the token is a run of plain text."""
        token = self.tokens[index]
        return token != "" and token not in _SPECIAL

    def sequence(self, index: int) -> int:
        """Walk over text and balanced brackets; return where that ends."""
        while True:
            if self.is_text(index):
                index += 1
            elif index in self.ends:
                index = self.ends[index]
            else:
                return index

    def number(self, index: int) -> str | None:
        """The number that stands at `index` as the last thing before a `]`, if one does."""
        match = _NUMBER.fullmatch(self.tokens[index])
        return match[1] if match and self.tokens[index + 1] == "]" else None


def parse_schedule(
    text: str, steps: int, hires_steps: int | None = None, *, old: bool = False
) -> list[ScheduledText]:
    """Return every version of a prompt with the last step it is for, in order.

    Text that is no construct of this language stays as it is, brackets included; no text is an
    error. `old` is A1111's option *old prompt editing timelines*.
    """
    clock = clock_for(steps, hires_steps, old=old)
    tree = parse_tree(text)
    if not tree.constructs:
        return [ScheduledText(clock.steps, text)]
    return [ScheduledText(end, render(tree, end, clock)) for end in _boundaries(tree, clock)]


def select(ends: Sequence[int], evaluation: int) -> int:
    """Index of the entry for the denoiser's call number `evaluation`, counted from 0.

    A1111 compares the count from 0 with ends counted from 1, so the first entry lasts one call
    longer than its number says; pixels depend on it.
    """
    return next((index for index, end in enumerate(ends) if evaluation <= end), 0)


def parse_tree(text: str) -> Tree:
    """Find the constructs in a prompt; none, if a stray `|` or `\\` makes it literal."""
    tree = Tree([*_TOKEN.findall(text), "", ""])
    for index in range(len(tree.tokens) - 3, -1, -1):
        if tree.tokens[index] == "(":
            _parse_round(tree, index)
        elif tree.tokens[index] == "[":
            _parse_square(tree, index)
    if not _settle(tree):
        return Tree(tree.tokens)
    return tree


def _parse_round(tree: Tree, opening: int) -> None:
    end = tree.sequence(opening + 1)
    if tree.tokens[end] == ":":
        end = tree.sequence(end + 1)
    if tree.tokens[end] == ")":
        tree.ends[opening] = end + 1


def _parse_square(tree: Tree, opening: int) -> None:
    first = (opening + 1, tree.sequence(opening + 1))
    separator = tree.tokens[first[1]]
    if separator == "]":
        tree.ends[opening] = first[1] + 1
        return
    construct: Construct | None = None
    if separator == "|":
        construct = _alternation(tree, first)
    elif separator == ":":
        construct = _switch(tree, first)
    if construct is not None:
        tree.constructs[opening] = construct
        tree.ends[opening] = construct.end


def _alternation(tree: Tree, first: Span) -> Alternation | None:
    spans = [first]
    while tree.tokens[spans[-1][1]] == "|":
        start = spans[-1][1] + 1
        spans.append((start, tree.sequence(start)))
    end = spans[-1][1]
    return Alternation(tuple(spans), end + 1) if tree.tokens[end] == "]" else None


def _switch(tree: Tree, first: Span) -> Switch | None:
    colon = first[1]
    when = tree.number(colon + 1)
    if when is not None:  # [after:when]
        return Switch((colon, colon), first, when, colon + 3)
    second = (colon + 1, tree.sequence(colon + 1))
    if tree.tokens[second[1]] != ":":
        return None
    when = tree.number(second[1] + 1)
    return None if when is None else Switch(first, second, when, second[1] + 3)


def _settle(tree: Tree) -> bool:
    """Walk over the top level; return whether this prompt has constructs at all.

    A1111's grammar leaves a switch literal when exactly two stray brackets or colons follow it.
    """
    index = 0
    while tree.tokens[index]:
        construct = tree.constructs.get(index)
        if isinstance(construct, Switch) and _strays(tree, construct.end) == 2:
            del tree.constructs[index]
            del tree.ends[index]
            index += 1
        elif index in tree.ends:
            index = tree.ends[index]
        elif tree.is_text(index) or tree.tokens[index] in _STRAY:
            index += 1
        else:
            return False
    return True


def _strays(tree: Tree, index: int) -> int:
    """Count unbalanced brackets and colons from `index` on, no further than three."""
    count = 0
    while count < 3 and tree.tokens[index + count] in _STRAY and index + count not in tree.ends:
        count += 1
    return count


def _boundaries(tree: Tree, clock: Clock) -> list[int]:
    ends = {clock.steps}
    for construct in tree.constructs.values():
        if isinstance(construct, Alternation):
            ends.update(range(1, clock.steps + 1))
        elif (end := clock.last_step(construct.when)) >= 1:
            ends.add(end)
    return sorted(ends)


def render(tree: Tree, step: int, clock: Clock) -> str:
    """Return the prompt's text at a step (counted from 1)."""
    return "".join(_shown(tree, step, clock))


def _shown(tree: Tree, step: int, clock: Clock) -> Iterator[str]:
    waiting: list[Span] = [(0, len(tree.tokens))]
    while waiting:
        index, end = waiting.pop()
        while index < end:
            construct = tree.constructs.get(index)
            if construct is None:
                yield tree.tokens[index]
                index += 1
            else:
                waiting.append((construct.end, end))
                index, end = construct.span_at(step, clock)
