"""NovelAI's emphasis: `{a}` counts 1.05 times, `[a]` 1 / 1.05 times, `1.3::a::` by a number.

Round brackets are ordinary characters in this syntax. Scheduling is read before emphasis, so
`[a|b]` and `[a:b:0.5]` keep their meaning.
"""

import re
from dataclasses import dataclass
from itertools import accumulate

from modules.prompt.attention import MAX_DEPTH, OpenBrackets, Pieces, Segment
from modules.prompt.schedule import Alternation, parse_tree

CURLY_FACTOR = 1.05
SQUARE_FACTOR = 1 / 1.05

_TOKEN = re.compile(
    r"""
    \\[{}\[\]\\]?                                             # an escape, or a lone backslash
    | (?<![\w.])(?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))::    # 1.3::
    | ::
    | [{}\[\]]
    | [0-9]+ | \w+ | [^\w\\{}\[\]:.-]+ | [:.-]                # text, stopping where a number may be
    """,
    re.VERBOSE,
)
_PAIRS = {"}": ("{", CURLY_FACTOR), "]": ("[", SQUARE_FACTOR)}


def parse_novelai(text: str) -> list[Segment]:
    """Split a prompt into weighted segments, like `parse_attention` for the other syntax.

    A number such as `1.3::` holds until the next `::`, the next such number, the end of the bracket
    it stands in, or the end.
    """
    pieces = Pieces()
    brackets = OpenBrackets("{[")
    numbered: tuple[int, float] | None = None
    number_depth = 0
    plain: list[str] = []

    def flush() -> None:
        if plain:
            pieces.add_with_breaks("".join(plain))
            plain.clear()

    for match in _TOKEN.finditer(text):
        token = match.group()
        pair = _PAIRS.get(token)
        closes_number = token == "::" and numbered is not None
        if token[0] == "\\":
            flush()
            pieces.add(token[1:])
        elif token in ("{", "["):
            flush()
            brackets.open(token, len(pieces))
        elif pair and brackets.is_open(pair[0]):
            flush()
            start = brackets.close(pair[0])
            if numbered is not None and brackets.depth < number_depth:
                pieces.multiply(*numbered)
                numbered = None
            pieces.multiply(start, pair[1])
        elif match["number"] is not None or closes_number:
            flush()
            if numbered is not None:
                pieces.multiply(*numbered)
            numbered = None if closes_number else (len(pieces), float(match["number"]))
            number_depth = brackets.depth
        else:
            plain.append(token)

    flush()
    if numbered is not None:
        pieces.multiply(*numbered)
    for kind, factor in _PAIRS.values():
        while brackets.is_open(kind):
            pieces.multiply(brackets.close(kind), factor)
    return pieces.merged()


@dataclass
class _Group:
    """A closed bracket in the converted text: where it began, and how often it is repeated."""

    opening: int
    closing: int
    factor: float
    power: int


class _Converter:
    """Writes the standard syntax; each group is `(`, its content and `:weight)`."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._last: _Group | None = None

    def opening(self) -> int:
        """Reserve the place of an opening bracket."""
        self.out.append("")
        return len(self.out) - 1

    def close(self, opening: int, factor: float) -> None:
        """End the group begun at `opening`; `{{a}}` becomes one group."""
        inner = self._last
        power = 1
        if (
            inner is not None
            and inner.factor == factor
            and (inner.opening, inner.closing) == (opening + 1, len(self.out) - 1)
        ):
            self.out[inner.opening] = self.out[inner.closing] = ""
            self.out.pop()
            power = inner.power + 1
        self.out[opening] = "("
        self.out.append(f":{_decimal(factor ** min(power, MAX_DEPTH))})")
        self._last = _Group(opening, len(self.out) - 1, factor, power)


def novelai_to_standard(text: str) -> str:
    """Rewrite a NovelAI prompt in the standard syntax, with the same weights to six digits.

    Brackets of different kinds that overlap without one being inside the other have no equal there.
    """
    structural = _structural_positions(text)
    converter = _Converter()
    open_at: dict[str, list[int]] = {"{": [], "[": []}
    number: tuple[int, float] | None = None
    for match in _TOKEN.finditer(text):
        token = match.group()
        pair = _PAIRS.get(token)
        closes_number = token == "::" and number is not None
        if not structural.isdisjoint((match.start(), match.end() - 1)):
            converter.out.append(token)
        elif token in ("{", "["):
            open_at[token].append(converter.opening())
        elif pair and open_at[pair[0]]:
            converter.close(open_at[pair[0]].pop(), pair[1])
        elif match["number"] is not None or closes_number:
            if number is not None:
                converter.close(*number)
            number = None if closes_number else (converter.opening(), float(match["number"]))
        else:
            converter.out.append(_literal(token))
    if number is not None:
        converter.close(*number)
    for kind, factor in _PAIRS.values():
        while open_at[kind]:
            converter.close(open_at[kind].pop(), factor)
    return "".join(converter.out)


def _structural_positions(text: str) -> set[int]:
    """Positions in the text of the brackets, bars and colons that belong to scheduling."""
    tree = parse_tree(text)
    starts = [0, *accumulate(len(token) for token in tree.tokens)]
    positions: set[int] = set()
    for opening, construct in tree.constructs.items():
        spans = (
            construct.spans
            if isinstance(construct, Alternation)
            else (construct.before, construct.after)
        )
        positions.update(starts[index] for index in (opening, construct.end - 1))
        positions.update(starts[end] for _, end in spans)
    return positions


def _literal(token: str) -> str:
    """What stands for a piece of NovelAI text in the standard syntax."""
    if token[0] == "\\":
        return {"\\": "", "\\{": "{", "\\}": "}"}.get(token, token)
    return re.sub(r"[()\]]", r"\\\g<0>", token)


def _decimal(weight: float) -> str:
    return f"{weight:.6f}".rstrip("0").rstrip(".")
