"""Beside other programs: the same checkpoint, size and steps, taken in turns."""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.suite.figure import Figure
from benchmarks.suite.others import OTHERS, Absent, Other
from benchmarks.suite.server import Server
from benchmarks.suite.wish import Wish

PART = "other programs"
ROUNDS = 3


def beside(wish: Wish) -> Iterator[Figure]:
    """Times as fast as every program that was named and answers."""
    checkpoint = Path(wish.checkpoint)
    asked: dict[str, Other] = {}
    for name, kind in OTHERS.items():
        where = wish.others.get(name)
        if not where:
            why = f"not asked for: {kind.flag} takes {kind.needs}"
            yield Figure.missing(PART, kind.title, why)
        elif not checkpoint.is_file():
            why = "--checkpoint names the file that both programs have"
            yield Figure.missing(PART, kind.title, why)
        else:
            try:
                asked[kind.title] = kind.make(where, checkpoint)
            except Absent as absence:
                yield Figure.missing(PART, kind.title, str(absence))
    if asked:
        yield from compared(wish, checkpoint, asked)


def compared(wish: Wish, checkpoint: Path, asked: dict[str, Other]) -> Iterator[Figure]:
    """Draw in turns; a program that fails on the way is out."""
    if not (link := wish.models / checkpoint.name).exists():
        os.symlink(checkpoint.resolve(), link)
    side, steps = wish.side, wish.steps
    seconds: dict[str, list[tuple[float, float]]] = {title: [] for title in asked}
    failed: dict[str, str] = {}
    with Server(wish.folder / "data", wish.models, wish.device) as ours:
        for number in range(wish.rounds(ROUNDS) + 1):
            mine = ours.draw(side, steps, seed=number, negative_prompt="blurry").seconds
            for title, other in asked.items():
                try:
                    theirs = other.draw(side, steps, number) if title not in failed else 0.0
                except Absent as absence:
                    failed[title] = str(absence)
                    continue
                if number:
                    seconds[title].append((mine, theirs))
    how = f"{checkpoint.name}, {side} x {side}, {steps} steps, Euler, pair by pair"
    for title, pairs in seconds.items():
        if title in failed:
            yield Figure.missing(PART, title, failed[title])
            continue
        ratios = [theirs / mine for mine, theirs in pairs]
        yield Figure.of(PART, f"times as fast as {title}", ratios, "x", how)
        yield Figure.of(PART, f"a picture beside {title}", [one for one, _ in pairs], "s", how)
        yield Figure.of(PART, f"a picture, {title}", [one for _, one in pairs], "s", how)
