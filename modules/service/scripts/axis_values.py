"""What people write into the value box of an axis: lists, ranges, counts."""

import csv
import io
import re
from collections.abc import Sequence
from typing import NoReturn, TypeVar

from modules.errors import InvalidRequest

N = TypeVar("N", int, float)

MOST_VALUES = 10_000

INT, FLOAT = r"([+-]?\s*\d+)", r"([+-]?\s*\d+(?:\.\d*)?)"
RANGE = r"\s*{n}\s*-\s*{n}(?:\s*\(\s*([+-]\s*{step})\s*\))?\s*"
COUNT = r"\s*{n}\s*-\s*{n}\s*\[\s*(\d+)\s*\]\s*"
INT_RANGE = re.compile(RANGE.format(n=INT, step=r"\d+"))
INT_COUNT = re.compile(COUNT.format(n=INT))
FLOAT_RANGE = re.compile(RANGE.format(n=FLOAT, step=r"\d+(?:\.\d*)?"))
FLOAT_COUNT = re.compile(COUNT.format(n=FLOAT))
DIGITS = 10
"""Decimals kept of computed values, so that 0.1 + 0.2 is 0.3."""


def split_list(text: str) -> list[str]:
    """The values of a CSV text: commas and new lines separate, double quotes protect."""
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [value.strip() for row in rows for value in row]


def join_list(values: Sequence[str]) -> str:
    """The opposite of `split_list`."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().removesuffix("\n")


def whole_numbers(label: str, text: str) -> list[int]:
    """`1-5`, `1-10 (+3)`, `1-10 [5]` and plain numbers. Raises InvalidRequest."""
    values: list[int] = []
    for part in filter(None, split_list(text)):
        if match := INT_COUNT.fullmatch(part):
            first, last, count = _number(match[1]), _number(match[2]), int(match[3])
            values += [int(value) for value in _spread(label, first, last, count)]
        elif match := INT_RANGE.fullmatch(part):
            first, last = _number(match[1]), _number(match[2])
            values += [int(value) for value in _steps(label, part, first, last, match[3])]
        else:
            values.append(_plain(label, part, int))
    return values


def numbers(label: str, text: str) -> list[float]:
    """`0-1 (+0.25)`, `0.3-0.9 [4]` and plain numbers. Raises InvalidRequest."""
    values: list[float] = []
    for part in filter(None, split_list(text)):
        if match := FLOAT_COUNT.fullmatch(part):
            first, last = _number(match[1]), _number(match[2])
            values += _spread(label, first, last, int(match[3]))
        elif match := FLOAT_RANGE.fullmatch(part):
            first, last = _number(match[1]), _number(match[2])
            values += _steps(label, part, first, last, match[3])
        else:
            values.append(_plain(label, part, float))
    return values


def _steps(label: str, part: str, first: float, last: float, step: str | None) -> list[float]:
    """From `first` by steps up to `last`, which is among them if it is met."""
    by = _number(step) if step else (1.0 if last >= first else -1.0)
    count = int((last - first) / by + 1e-9) if by else -1
    if count < 0:
        raise InvalidRequest(
            f"{label}: {part!r} leads nowhere.",
            "The step in brackets needs the sign of the direction, as in 1-10 (+3) or 10-1 (-3).",
        )
    _check_count(label, count + 1)
    return [round(first + index * by, DIGITS) for index in range(count + 1)]


def _spread(label: str, first: float, last: float, count: int) -> list[float]:
    """`count` values with equal distances."""
    _check_count(label, count)
    if count < 2:
        return [first] * count
    return [round(first + index * (last - first) / (count - 1), DIGITS) for index in range(count)]


def _check_count(label: str, count: int) -> None:
    if count > MOST_VALUES:
        raise InvalidRequest(
            f"{label} would have {count:,} values, but at most {MOST_VALUES:,} are drawn."
        )


def _number(text: str) -> float:
    return float("".join(text.split()))


def _plain(label: str, text: str, kind: type[N]) -> N:
    try:
        return kind(text)
    except ValueError:
        refuse(label, text, "a whole number" if kind is int else "a number")


def refuse(label: str, text: str, expected: str) -> NoReturn:
    """Raise InvalidRequest for a value of an axis."""
    raise InvalidRequest(
        f"{label}: {text!r:.80} is not {expected}.",
        "Separate values by commas; ranges are written 1-5, 1-10 (+3) or 1-10 [5].",
    )
