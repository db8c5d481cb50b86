"""Composition: `a AND b :0.7` is several prompts, each pulling with its own weight."""

import re
from typing import NamedTuple

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?|[0-9]*\.[0-9]+)")


class Part(NamedTuple):
    """One prompt of a composition and its weight."""

    text: str
    weight: float


def split_composition(text: str) -> list[Part]:
    """Split a positive prompt at the word AND; brackets do not protect it.

    A number after a colon at the very end of a part is its weight, also in a prompt without AND
    (A1111 does it this way, and pixels depend on it). Leading spaces of a part are kept.
    """
    return [_weigh(part) for part in _AND.split(text)]


def _weigh(part: str) -> Part:
    before, colon, after = part.rpartition(":")
    number = after.strip()
    if colon and _NUMBER.fullmatch(number):
        return Part(before.rstrip(), float(number))
    return Part(part.rstrip(), 1.0)
