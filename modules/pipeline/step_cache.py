"""Step caching: most evaluations of a pass take the deep part of the network from one before.

Ma et al. 2023 ("DeepCache", arXiv:2312.00858), section 3.3: one of every few evaluations runs
whole, the others compute the finest stages alone. What is kept belongs to one batch of one pass,
row by row, and counts only as long as the row is told the same by the same network.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from modules.model.networks.additions import Additions
from modules.model.networks.deep import Deep
from modules.pipeline.points import Call

Row = tuple[int, int]
"""Picture and part, as `modules.sampling.guidance.Told` names them."""


@dataclass(frozen=True, kw_only=True)
class CacheWish:
    """How to skip: one of every `interval` evaluations runs whole, the others `depth` stages.

    All run whole during the share `start` of a pass.
    """

    interval: int = 1
    depth: int = 1
    start: float = 0.0

    @property
    def wanted(self) -> bool:
        """Whether anything is to be left out at all."""
        return self.interval > 1


@dataclass(frozen=True, eq=False)
class _Whole:
    """A call that ran whole: its number, what it was told and what came up from below."""

    evaluation: int
    call: Call
    circumstances: Hashable
    features: Tensor


class StepCache:
    """What one batch of a pass keeps."""

    def __init__(self, wish: CacheWish, evaluations: int) -> None:
        """`evaluations` is how many there are nominally in the pass."""
        self.wish = wish
        self.evaluation = -1
        """Number of the evaluation at work, from 0."""
        self._whole_until = ceil(wish.start * evaluations)
        self._rows: dict[Row, tuple[_Whole, int]] = {}

    def begin(self, x: Tensor, level: Tensor) -> Tensor:
        """Count an evaluation that begins; changes nothing of the latent."""
        self.evaluation += 1
        return x

    def deep_for(self, call: Call, rows: tuple[Row, ...], circumstances: Hashable) -> Deep:
        """What a call is to be given: with features if every row has some that still count.

        `circumstances` are all that the rows have in common, such as the networks applied.
        """
        found = [self._rows.get(row) for row in rows]
        if self.evaluation < self._whole_until or None in found:
            return Deep(self.wish.depth)
        known = [one for one in found if one is not None]
        if not all(
            self.evaluation - whole.evaluation < self.wish.interval
            and whole.circumstances == circumstances
            and _told_alike(whole.call, place, call, row)
            for row, (whole, place) in enumerate(known)
        ):
            return Deep(self.wish.depth)
        whole = known[0][0]
        if [(whole, place) for place in range(len(whole.features))] == known:
            return Deep(self.wish.depth, whole.features)
        pieces = [one.features[place] for one, place in known]
        return Deep(self.wish.depth, torch.stack(pieces))

    def keep(self, deep: Deep, call: Call, rows: tuple[Row, ...], circumstances: Hashable) -> None:
        """Remember a call that ran whole with `deep`."""
        assert deep.features is not None, "a whole evaluation leaves its features"
        whole = _Whole(self.evaluation, call, circumstances, deep.features)
        self._rows.update({row: (whole, place) for place, row in enumerate(rows)})


def outline(added: Additions | None) -> Hashable:
    """Which places other networks add to; units of control begin and end during a pass."""
    if added is None:
        return None
    tokens = 0 if added.tokens is None else added.tokens.shape[1]
    return frozenset(added.skips), frozenset(added.inputs), added.middle is None, tokens


def _told_alike(one: Call, place: int, other: Call, row: int) -> bool:
    """Whether a row of two calls is conditioned on the same, whatever its latent and timestep."""
    if one.x.shape[1:] != other.x.shape[1:] or not torch.equal(one.text[place], other.text[row]):
        return False
    if one.vectors is None or other.vectors is None:
        return one.vectors is other.vectors
    return torch.equal(one.vectors[place], other.vectors[row])
