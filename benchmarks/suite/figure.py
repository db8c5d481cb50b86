"""One record for everything that is measured."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured number: the median of `count` values between `low` and `high`.

    Without a value nothing was measured, and `how` says why. Units: "s", "ms", "GB" (10^9 bytes),
    "x" (a ratio), "%" (of something), "it/s", "GFLOP/s", "jobs/s", "TFLOP".
    """

    part: str
    name: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    count: int = 0
    how: str = ""

    @classmethod
    def of(
        cls, part: str, name: str, values: float | Sequence[float], unit: str, how: str = ""
    ) -> "Figure":
        """The figure of some values, or of a single one. Raises ValueError without any."""
        found = [float(values)] if isinstance(values, int | float) else [float(v) for v in values]
        if not found:
            raise ValueError(f"{part}: nothing was measured for {name!r}")
        low, high = (min(found), max(found)) if len(found) > 1 else (None, None)
        return cls(
            part=part, name=name, value=statistics.median(found), unit=unit,
            low=low, high=high, count=len(found), how=how,
        )  # fmt: skip

    @classmethod
    def missing(cls, part: str, name: str, why: str) -> "Figure":
        """Something that could not be measured, and why."""
        return cls(part=part, name=name, value=None, how=why)

    @property
    def text(self) -> str:
        """The value for people, such as "2.61 x (2.55 to 2.70)"."""
        if self.value is None:
            return "not measured"
        text = f"{rounded(self.value)} {self.unit}".strip()
        if self.low is not None and self.high is not None:
            text += f" ({rounded(self.low)} to {rounded(self.high)})"
        return text

    def as_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Figure":
        """What `as_json` wrote."""
        return cls(**data)


Figures = Iterable[Figure]


def rounded(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 1 else 3
    return f"{value:.{digits - (abs(value) >= 10)}f}"


def find(figures: Iterable[Figure], part: str, name: str) -> float | None:
    """The value of a figure; None if it was not measured."""
    for figure in figures:
        if (figure.part, figure.name) == (part, name):
            return figure.value
    return None
