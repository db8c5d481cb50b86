"""One text of many that a template stands for: drawn at random, or all in turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from random import Random
from typing import NamedTuple

from modules.errors import InvalidRequest, NotFound
from modules.prompt.dynamic_syntax import Keep, Marks, Node, Option, Use, Variants, Wildcard, parse
from modules.prompt.dynamic_syntax import Sequence as Nodes

DEEPEST = 20
"""Wildcards inside wildcards."""
MOST_CHOICES = 10_000
"""Choices made for one text."""
LONGEST_TEXT = 100_000
"""Characters of a text that was made."""


class Line(NamedTuple):
    """A line of a wildcard file."""

    weight: float
    text: str
    source: str
    """The file's name; globs mix the lines of several."""


Library = Callable[[str], Sequence[Line]]
"""The lines behind a name, which may be a glob. Raises NotFound."""


def empty_library(name: str) -> Sequence[Line]:
    """A library without files."""
    raise NotFound("wildcard", name)


Values = dict[str, "str | Nodes"]


@dataclass(frozen=True)
class _Place:
    """Where in the tree one is."""

    library: Library
    marks: Marks
    stack: tuple[str, ...] = ()
    counter: list[int] = field(default_factory=lambda: [0])

    def count(self) -> None:
        """Take note of one more choice. Raises InvalidRequest if there are too many."""
        self.counter[0] += 1
        if self.counter[0] > MOST_CHOICES:
            raise InvalidRequest(
                f"The prompt's wildcards lead to more than {MOST_CHOICES:,} choices.",
                "A variable that uses itself, or a very large count, does that.",
            )

    def inside(self, source: str) -> "_Place":
        """The place in a line of the file `source`. Raises InvalidRequest if it is open already."""
        if source in self.stack:
            way = " → ".join((*self.stack[self.stack.index(source) :], source))
            raise InvalidRequest(
                f"{source} in the prompt leads back to itself: {way}.",
                "Take it out of one of these.",
            )
        if len(self.stack) >= DEEPEST:
            raise InvalidRequest(
                f"Wildcards lie more than {DEEPEST} deep in each other.",
                f"The way is {' → '.join(self.stack[:5])} → ….",
            )
        return replace(self, stack=(*self.stack, source))


def draw(
    text: str, library: Library, random: Random, marks: Marks, values: Values | None = None
) -> str:
    """Return one of the texts that `text` stands for.

    The same `random`, `library` and text give the same answer. `values` are the variables known
    before; those that the text keeps are added to it. Raises NotFound for a wildcard that is not
    there, InvalidRequest for one that leads back to itself and for variables without a value.
    """
    known: Values = {} if values is None else values
    place = _Place(library, marks)
    return limited(_draw(parse(text, marks), place, random, known))


def limited(text: str) -> str:
    """Return `text` unless it is too long. Raises InvalidRequest."""
    if len(text) > LONGEST_TEXT:
        raise InvalidRequest(
            f"The prompt's wildcards make a text of {len(text):,} characters.",
            f"At most {LONGEST_TEXT:,} fit.",
        )
    return text.strip()


def _draw(nodes: Nodes, place: _Place, random: Random, values: Values) -> str:
    return "".join(_draw_node(node, place, random, values) for node in nodes)


def _draw_node(node: Node, place: _Place, random: Random, values: Values) -> str:
    if isinstance(node, str):
        return node
    place.count()
    if isinstance(node, Keep):
        values[node.name] = _draw(node.body, place, random, values) if node.at_once else node.body
        return ""
    if isinstance(node, Use):
        value = value_of(node, values)
        if isinstance(value, str):
            return value
        return _draw(value, place.inside(f"${{{node.name}}}"), random, values)
    if isinstance(node, Wildcard):
        lines = lines_of(node, place)
        if isinstance(lines, str):
            return lines
        line = lines[pick([one.weight for one in lines], random)]
        return _draw(parse(line.text, place.marks), place.inside(line.source), random, values)
    options = spread(node, place)
    low, high = min(node.low, len(options)), min(node.high, len(options))
    count = low + (int(random.random() * (high - low + 1)) if high > low else 0)
    left, chosen = list(options), []
    for _ in range(count):
        option, within = left.pop(pick([one.weight for one, _ in left], random))
        chosen.append(_draw(option.body, within, random, values))
    return node.joiner.join(chosen)


def pick(weights: Sequence[float], random: Random) -> int:
    """Choose a place with a probability in proportion to its weight; all equal if all are 0."""
    total = sum(weights)
    mark = random.random() * (total or len(weights))
    for index, weight in enumerate(weights):
        mark -= weight if total else 1
        if mark < 0:
            return index
    return max(range(len(weights)), key=lambda index: (weights[index] > 0, index))


def value_of(node: Use, values: Mapping[str, str | Nodes]) -> str | Nodes:
    """What a variable stands for. Raises InvalidRequest."""
    if node.name in values:
        return values[node.name]
    if node.otherwise is not None:
        return node.otherwise
    known = f"Known here: {', '.join(values)}. " if values else ""
    raise InvalidRequest(
        f"The variable ${{{node.name}}} has no value.",
        f"{known}Write ${{{node.name}=value}} before it.",
    )


def lines_of(node: Wildcard, place: _Place) -> Sequence[Line] | str:
    """The lines of a wildcard; its own text where that may be the name of a network."""
    try:
        return place.library(node.name)
    except NotFound:
        if node.inside_mark:
            return f"__{node.name}__"
        raise


def spread(node: Variants, place: _Place) -> list[tuple[Option, _Place]]:
    """The options with where they stand: lines, if several of a single wildcard are asked for."""
    only = node.options[0].body
    if node.counted and len(node.options) == 1 and len(only) == 1:
        wildcard = only[0]
        lines = lines_of(wildcard, place) if isinstance(wildcard, Wildcard) else ""
        if not isinstance(lines, str):
            return [
                (Option(line.weight, parse(line.text, place.marks)), place.inside(line.source))
                for line in lines
            ]
    return [(option, place) for option in node.options]


Found = tuple[str, Values]
"""A text, and the variables as they are after it."""


def every(
    text: str, library: Library, marks: Marks, values: Values | None = None
) -> Iterator[Found]:
    """Yield all texts that `text` stands for, in order, with the variables after each.

    Lazily: there may be more than anybody can count. Raises as `draw` does.
    """
    for found, after in _every(parse(text, marks), _Place(library, marks), dict(values or {})):
        yield limited(found), after


def _every(nodes: Nodes, place: _Place, values: Values) -> Iterator[Found]:
    if not nodes:
        yield "", values
        return
    for begin, known in _every_node(nodes[0], place, values):
        for rest, after in _every(nodes[1:], place, known):
            yield begin + rest, after


def _every_node(node: Node, place: _Place, values: Values) -> Iterator[Found]:
    if isinstance(node, str):
        yield node, values
    elif isinstance(node, Keep) and node.at_once:
        for text, after in _every(node.body, place, values):
            yield "", after | {node.name: text}
    elif isinstance(node, Keep):
        yield "", values | {node.name: node.body}
    elif isinstance(node, Use):
        value = value_of(node, values)
        if isinstance(value, str):
            yield value, values
        else:
            yield from _every(value, place.inside(f"${{{node.name}}}"), values)
    elif isinstance(node, Wildcard):
        lines = lines_of(node, place)
        if isinstance(lines, str):
            yield lines, values
            return
        for line in lines:
            yield from _every(parse(line.text, place.marks), place.inside(line.source), values)
    else:
        yield from _every_choice(node, place, values)


def _every_choice(node: Variants, place: _Place, values: Values) -> Iterator[Found]:
    options = spread(node, place)
    for count in range(min(node.low, len(options)), min(node.high, len(options)) + 1):
        for chosen in combinations(options, count):
            yield from _joined(chosen, node.joiner, values)


def _joined(
    chosen: Sequence[tuple[Option, _Place]], joiner: str, values: Values
) -> Iterator[Found]:
    if not chosen:
        yield "", values
        return
    (option, place), rest = chosen[0], chosen[1:]
    for text, known in _every(option.body, place, values):
        for others, after in _joined(rest, joiner, known):
            yield (text + joiner + others if rest else text), after
