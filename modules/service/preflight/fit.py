"""Lines through a few measurements, some of which were disturbed: robust least squares by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul
from statistics import median

ROUNDS = 8
"""Of weighing the measurements anew; they settle in fewer."""
STRIDES = 4
"""How often the line that was found becomes the prior of the next."""
STRIDE = 6.0
"""How much a coefficient may grow or shrink in one of these."""
CALM = 0.1
"""Relative deviations below this are never outliers."""
FAR = 1.5
"""Multiples of the median deviation from which a measurement counts less (Huber)."""
TRUST = 0.005
"""How much the prior's proportions weigh: the variance of a measurement over their own."""


@dataclass(frozen=True)
class Line:
    """A sum of features times coefficients, none of which is negative."""

    coefficients: tuple[float, ...]
    measured: int = 0
    """How many measurements it is drawn through; 0 is the prior alone."""

    def at(self, features: Sequence[float]) -> float:
        """The value that belongs to `features`."""
        return sum(c * x for c, x in zip(self.coefficients, features, strict=True))

    def times(self, factor: float) -> "Line":
        """The same line, steeper."""
        return Line(tuple(c * factor for c in self.coefficients), self.measured)


Point = tuple[Sequence[float], float]
"""Features and the positive value that was measured."""


def fitted(points: Iterable[Point], prior: Line) -> Line:
    """Draw a line through `points` that keeps the prior's proportions where these say nothing.

    Minimised is the sum of weighted squares of relative errors, and of how far each coefficient is
    from the scaled prior's (ridge regression towards it); weights are Huber's, found by iterating
    (Holland and Welsch 1977). One point scales the prior; as many as features replace it.
    """
    known = [(features, value) for features, value in points if value > 0]
    if not known:
        return prior
    scale = median(value / max(prior.at(features), 1e-12) for features, value in known)
    terms = [c * scale for c in prior.coefficients]
    for _ in range(STRIDES):
        rows = [[x * t / value for x, t in zip(f, terms, strict=True)] for f, value in known]
        shares = _robust(rows)
        terms = [t * min(max(s, 1 / STRIDE), STRIDE) for s, t in zip(shares, terms, strict=True)]
    return Line(tuple(terms), len(known))


def _robust(rows: Sequence[Sequence[float]]) -> list[float]:
    """Shares that bring most of `rows` near 1; those that stay far off count less."""
    weights, shares = [1.0] * len(rows), [1.0] * len(rows[0])
    for _ in range(ROUNDS):
        shares = solved(rows, weights)
        apart = [abs(sum(map(mul, row, shares)) - 1) for row in rows]
        usual = max(CALM, FAR * median(apart))
        weights = [min(1.0, usual / max(one, 1e-12)) for one in apart]
    return shares


def solved(rows: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
    """The shares s >= 0 for which `rows` times s are nearest to 1, and s to 1.

    Shares that come out negative are set to 0 and the rest is solved again.
    """
    count = len(rows[0])
    free = list(range(count))
    shares = [0.0] * count
    while free:
        matrix = [
            [
                sum(w * row[i] * row[j] for row, w in zip(rows, weights, strict=True))
                + (TRUST if i == j else 0.0)
                for j in free
            ]
            for i in free
        ]
        wanted = [
            sum(w * row[i] for row, w in zip(rows, weights, strict=True)) + TRUST for i in free
        ]
        found = eliminated(matrix, wanted)
        shares = [0.0] * count
        for i, share in zip(free, found, strict=True):
            shares[i] = share
        negative = [i for i in free if shares[i] < 0]
        if not negative:
            break
        free = [i for i in free if i not in negative]
    return [max(0.0, share) for share in shares]


def eliminated(matrix: list[list[float]], wanted: list[float]) -> list[float]:
    """Solve a small system of equations with a positive definite matrix (Gauss)."""
    size = len(wanted)
    table = [[*row, value] for row, value in zip(matrix, wanted, strict=True)]
    for at in range(size):
        for below in range(at + 1, size):
            factor = table[below][at] / table[at][at]
            table[below] = [b - factor * a for a, b in zip(table[at], table[below], strict=True)]
    answer = [0.0] * size
    for at in reversed(range(size)):
        rest = sum(table[at][j] * answer[j] for j in range(at + 1, size))
        answer[at] = (table[at][size] - rest) / table[at][at]
    return answer


def middle(values: Iterable[float]) -> float | None:
    """The median; None of nothing."""
    known = list(values)
    return median(known) if known else None


def nine_tenths(values: Iterable[float]) -> float | None:
    """What nine of ten values are at most; None of nothing."""
    known = sorted(values)
    return known[min(len(known) - 1, int(0.9 * len(known)))] if known else None
