"""Adherence: how often a picture shows what its caption says, row by row.

The rows of one scene are judged from the probe's answers. A colour or a place counts only when the
thing itself was seen, so no row can be passed by a picture of something else.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from modules.training.evaluation.probe import Probe
from modules.training.facts import QUESTIONS, SIZES, SKIP, answers_of
from modules.training.world.scene import Scene

ROWS: dict[str, str] = {
    "object": "the thing, where there is one",
    "colour": "its colour, where there is one thing",
    "two objects": "both things, where there are two kinds",
    "binding": "both things in their own colours",
    "relation": "both things on their own sides",
    "relation: row": "left and right",
    "relation: stack": "above and below",
    "relation: behind": "before and behind",
    "relation: on": "one on the other",
    "relation: in": "one in the other",
    "count": "how many things there are",
    "count: 1": "one",
    "count: 2": "two",
    "count: 3": "three",
    "count: 4": "four",
    "tone": "light or dark, where it is said",
    "pattern": "stripes, dots or shine, where they are said",
    "size": "small or big, where it is said",
    "style": "how it is drawn, where it is said",
    "weather": "what falls or stands in the sky, where it is said",
    "sky": "sky and time of day, outdoors",
    "ground": "the ground, outdoors",
    "background": "the colour of a plain background",
    "everything": "all that the caption says",
}


@torch.no_grad()
def answers_to(probe: Probe, pixels: Tensor) -> Tensor:
    """What the probe sees in pictures (B, 3, H, W): answer numbers (B, questions)."""
    logits = torch.cat([probe(part) for part in pixels.split(64)])
    return torch.stack([part.argmax(1) for part in logits.split(list(SIZES), dim=1)], dim=1)


def judge(scene: Scene, seen: Sequence[int]) -> dict[str, bool]:
    """The rows that arise for a scene, and whether the picture passes each."""
    truth = dict(zip((q.name for q in QUESTIONS), answers_of(scene), strict=True))
    saw = dict(zip((q.name for q in QUESTIONS), seen, strict=True))

    def right(name: str) -> bool:
        return truth[name] != SKIP and truth[name] == saw[name]

    kinds = {item.thing for item in scene.items}
    things = all(right(f"has {kind}") for kind in kinds)
    alone = all(right(name) for name in truth if name.startswith("has "))
    colours = things and all(right(f"colour of {kind}") for kind in kinds)
    places = things and all(right(f"place of {kind}") for kind in kinds)
    rows: dict[str, bool] = {"count": right("count")}
    rows[f"count: {len(scene.items)}"] = rows["count"]
    if len(scene.items) == 1:
        rows |= {"object": things and alone, "colour": colours}
    elif len(kinds) == 2:
        rows |= {"two objects": things and alone, "binding": colours, "relation": places}
        rows[f"relation: {scene.arrangement}"] = places
    for name in ("tone", "pattern", "size"):
        those = {item.thing for item in scene.items if getattr(item, name)}
        if those:
            rows[name] = things and all(right(f"{name} of {kind}") for kind in those)
    if scene.style:
        rows["style"] = right("style")
    if scene.backdrop.plain:
        rows["background"] = right("background")
    else:
        rows |= {"sky": right("sky"), "ground": right("ground")}
    if scene.backdrop.weather:
        rows["weather"] = right("weather")
    rows["everything"] = alone and colours and places and all(rows.values())
    return rows


@dataclass
class Share:
    """How many of how many."""

    right: int = 0
    asked: int = 0

    @property
    def value(self) -> float:
        """The share; 0 when nothing was asked."""
        return self.right / self.asked if self.asked else 0.0

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson's 95 percent confidence interval (1927)."""
        if not self.asked:
            return 0.0, 1.0
        n, p = self.asked, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass
class Score:
    """The shares of all rows for one way of making pictures."""

    name: str
    shares: dict[str, Share] = field(default_factory=dict)

    def add(self, scenes: Sequence[Scene], seen: Tensor) -> None:
        """Judge pictures (their probe answers) against scenes."""
        for scene, answers in zip(scenes, seen.tolist(), strict=True):
            for row, passed in judge(scene, answers).items():
                share = self.shares.setdefault(row, Share())
                share.asked += 1
                share.right += passed

    def as_json(self) -> dict[str, dict[str, float]]:
        """Plain figures: share, interval and number for each row."""
        return {
            row: {
                "share": round(share.value, 4),
                "low": round(share.interval()[0], 4),
                "high": round(share.interval()[1], 4),
                "n": share.asked,
            }
            for row, share in self.shares.items()
        }


def table(scores: Sequence[Score]) -> str:
    """A Markdown table: a row for each attribute, a column for each score."""
    lines = ["| | n | " + " | ".join(score.name for score in scores) + " |"]
    lines.append("|---|---|" + "---|" * len(scores))
    present = [row for row in ROWS if row in scores[0].shares]
    families = Counter(row.split(":")[0] for row in present if ":" in row)
    for row in present:
        if families[row.split(":")[0]] == 1 and ":" in row:
            continue  # the only kind of its family says what the family says
        cells = []
        for score in scores:
            share = score.shares.get(row, Share())
            low, high = share.interval()
            cells.append(f"{share.value:.3f} ({low:.2f}-{high:.2f})")
        lines.append(f"| {row} | {scores[0].shares[row].asked} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
