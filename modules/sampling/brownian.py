"""Noise of SDE samplers: increments of one Brownian path a picture.

The path is a virtual Brownian tree (Li et al. 2020, section 4): halved again and again, with a
seed for every node, so that it does not matter which increments are asked for, or in what order.
Nodes and seeds are laid out as in torchsde 0.2.6, whose numbers pictures depend on; the normal
numbers come from the picture's own source instead of torchsde's.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from modules.sampling.noise import fresh_randn

DIGITS = 6  # times are rounded to this many decimals, which is where halving ends
POOL_SIZE = 24
REMEMBERED = 48  # nodes whose halves are kept, about two descents of the tree
AHEAD = 4  # increments that may be finished before they are asked for

Randn = Callable[[int], Tensor]
Span = tuple[float, float]


@dataclass(frozen=True)
class _Node:
    """The part of the path from `start` to `end`; `place` counts nodes of the same depth."""

    start: float
    end: float
    place: int
    depth: int

    @property
    def middle(self) -> float:
        return round(0.5 * (self.end + self.start), DIGITS)

    def halves(self) -> tuple["_Node", "_Node"]:
        return (
            _Node(self.start, self.middle, 2 * self.place, self.depth + 1),
            _Node(self.middle, self.end, 2 * self.place + 1, self.depth + 1),
        )


class BrownianTree:
    """A Brownian path between two times."""

    def __init__(self, start: float, end: float, entropy: int, randn: Randn) -> None:
        """`randn(seed)` gives the normal numbers that belong to a seed, in the wanted shape."""
        self.entropy, self.randn = entropy, randn
        self.root = _Node(round(start, DIGITS), round(end, DIGITS), 0, 0)
        seeds = np.random.SeedSequence(entropy=entropy, pool_size=POOL_SIZE).generate_state(3)
        self.whole = randn(int(seeds[0])) * math.sqrt(end - start)
        self.known: OrderedDict[_Node, tuple[Tensor, Tensor]] = OrderedDict()

    def increment(self, start: float, end: float) -> Tensor:
        """W(end) - W(start) for start <= end; times outside the path are moved to its ends."""
        low, high = self.root.start, self.root.end
        start = round(min(max(start, low), high), DIGITS)
        end = round(min(max(end, low), high), DIGITS)
        total: Tensor | None = None
        for path in self._cover([self.root], start, end):
            part = self._value(path)
            total = part if total is None else total + part
        return torch.zeros_like(self.whole) if total is None else total

    def _cover(self, path: list[_Node], start: float, end: float) -> list[list[_Node]]:
        """The fewest nodes that make up start to end, each with its ancestors, left to right."""
        node = path[-1]
        if start >= end:
            return []
        if start == node.start and end == node.end:
            return [path]
        left, right = node.halves()
        return [
            *self._cover([*path, left], start, min(end, left.end)),
            *self._cover([*path, right], max(start, right.start), end),
        ]

    def _value(self, path: list[_Node]) -> Tensor:
        node = path[-1]
        if node.depth == 0:
            return self.whole
        return self._halves(path[:-1])[node.place % 2]

    def _halves(self, path: list[_Node]) -> tuple[Tensor, Tensor]:
        """The increments of both halves of a node: a bridge (Levy's construction)."""
        node = path[-1]
        if node in self.known:
            self.known.move_to_end(node)
            return self.known[node]
        whole = self._value(path)
        left_width, right_width = node.middle - node.start, node.end - node.middle
        per_time = 1 / (node.end - node.start)
        mean = left_width * whole * per_time
        variance = left_width * right_width * per_time
        left = mean + math.sqrt(variance) * self.randn(self._seed(node))
        self.known[node] = left, whole - left
        if len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return self.known[node]

    def _seed(self, node: _Node) -> int:
        sequence = np.random.SeedSequence(
            entropy=self.entropy, spawn_key=(node.place, node.depth), pool_size=POOL_SIZE
        )
        return int(sequence.generate_state(4)[0])


class BrownianNoise:
    """Noise for steps between sigmas, one path a picture of the batch."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        seeds: Sequence[int],
        smallest: float,
        largest: float,
        source: str = "NV",
        device: torch.device | str = "cpu",
        foresee: Callable[[], Iterable[Span]] | None = None,
    ) -> None:
        """`smallest` and `largest` are the positive ends of the full schedule.

        `foresee` tells the pairs (sigma, sigma_next) that will be asked for, in order: their paths
        are followed ahead of time in a thread, beside the network. It changes no number, and
        whatever else is asked for is worked out on the spot.
        """
        self.device = torch.device(device)
        home = self.device if source == "GPU" else torch.device("cpu")

        def randn(seed: int) -> Tensor:
            return fresh_randn(seed, shape, source, home)

        self.trees = [BrownianTree(smallest, largest, seed, randn) for seed in seeds]
        self._worker = _Ahead(self._increments, foresee) if foresee is not None else None

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Unit noise for a step; backwards in sigma, so the increment is negated."""
        span = float(sigma), float(sigma_next)
        rows = self._increments(span) if self._worker is None else self._worker.take(span)
        sign = -1 if span[0] > span[1] else 1
        return rows.to(self.device) * sign / (sigma_next - sigma).abs().sqrt()

    def _increments(self, span: Span) -> Tensor:
        """(batch, channels, h, w) of the path between two levels, whichever is the larger."""
        start, end = min(span), max(span)
        return torch.stack([tree.increment(start, end) for tree in self.trees])


class _Ahead:
    """Works out results in a thread of its own, a few before they are asked for."""

    def __init__(
        self, work: Callable[[Span], Tensor], foresee: Callable[[], Iterable[Span]]
    ) -> None:
        self._work, self._foresee = work, foresee
        self._coming: Iterator[Span] = iter(())
        self._begun: deque[tuple[Span, Future[Tensor]]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="brownian")
        self._started = self._pool.submit(self._start)

    def _start(self) -> None:
        self._coming = iter(list(self._foresee()))
        self._begin(AHEAD)

    def _begin(self, count: int) -> None:
        for span in islice(self._coming, count):
            self._begun.append((span, self._pool.submit(self._work, span)))

    def take(self, span: Span) -> Tensor:
        """The result for `span`, begun already if it was foreseen."""
        self._started.result()
        if all(foreseen != span for foreseen, _ in self._begun):
            return self._pool.submit(self._work, span).result()
        while True:
            foreseen, result = self._begun.popleft()
            self._begin(1)
            if foreseen == span:
                return result.result()
