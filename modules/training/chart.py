"""Learning curves as one SVG: a panel for each stage that has a history, losses on a log scale."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from modules.training.history import ENDING, History, Line

STAGES = ("autoencoder", "text", "unet", "decoder")
NAMES = {
    "autoencoder": "Autoencoder",
    "text": "Text encoder",
    "unet": "U-Net",
    "decoder": "Decoder",
}
WIDE, HIGH = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 30
POINTS = 160
"""Lines are averaged down to about so many points a panel."""
INK, SOFT, RULE, CURVE, PALE = "#222", "#666", "#e2e2e2", "#1f66c1", "#9dc0ea"
PAUSE = 600.0
"""Seconds between two lines from which on a training is taken to have stood still."""


def write_chart(state: Path, file: Path) -> bool:
    """Draw the histories in the folder `state` into an SVG file; False if there are none yet."""
    known = [(stage, History(state / f"{stage}{ENDING}").lines()) for stage in STAGES]
    panels = [(stage, lines) for stage, lines in known if len(lines) > 1]
    if not panels:
        return False
    width, height = WIDE * len(panels), HIGH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (stage, lines) in enumerate(panels):
        parts += [f'<g transform="translate({number * WIDE} 0)">', *_panel(stage, lines), "</g>"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
    return True


def hours_of(lines: Sequence[Line]) -> float:
    """Hours of training between the first line and the last, without the pauses."""
    gaps = (after.time - before.time for before, after in pairwise(lines))
    return sum(gap for gap in gaps if 0 < gap < PAUSE) / 3600


def averaged(lines: Sequence[Line], points: int) -> list[tuple[float, float]]:
    """(step, loss) of about so many equal parts of the lines: their last step and mean loss."""
    size = max(1, len(lines) // points)
    parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    return [(part[-1].step, fmean(line.figures["loss"] for line in part)) for part in parts]


def _panel(stage: str, lines: Sequence[Line]) -> list[str]:
    fine, coarse = averaged(lines, POINTS), averaged(lines, 24)
    last = lines[-1].step
    low = math.log10(min(loss for _, loss in fine))
    high = max(math.log10(max(loss for _, loss in fine)), low + 0.3)

    def place(step: float, loss: float) -> tuple[float, float]:
        x = LEFT + (WIDE - LEFT - RIGHT) * step / last
        share = (math.log10(loss) - low) / (high - low)
        return x, HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * share

    title = f"{NAMES[stage]}: {last} steps, {hours_of(lines):.1f} h"
    parts = [f'<text x="{LEFT}" y="20" fill="{INK}" font-size="13">{title}</text>']
    for level in _levels(10**low, 10**high):
        _, y = place(0, level)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" stroke="{RULE}"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{level:g}", "end"))
    for share in (0, 0.5, 1):
        x, _ = place(share * last, 10**low)
        parts.append(_text(x, HIGH - 12, f"{round(share * last)}", "middle"))
    parts.append(_curve([place(*point) for point in fine], PALE, 1.2))
    parts.append(_curve([place(*point) for point in coarse], CURVE, 2.0))
    return parts


def _levels(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two losses."""
    first, past = math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1
    every = [digit * 10.0**power for power in range(first, past) for digit in (1, 2, 5)]
    return [round(level, 9) for level in every if low <= level <= high]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{SOFT}" text-anchor="{anchor}">{text}</text>'


def _curve(points: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
