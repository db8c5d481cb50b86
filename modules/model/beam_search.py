"""The likeliest sequence of words, looked for along several at once (Graves 2012, section 3.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Step = Callable[[Tensor, int, Tensor], Tensor]
"""The newest words (n,), their place, and which row before (n,) each goes on from, to the scores
(n, vocabulary) of the next."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What counts as a whole sequence."""

    begin: Sequence[int]
    """Words it begins with; at least one."""
    end: int
    """The word that ends it."""
    least: int
    """Words it has at least, those of the beginning included, before it ends."""
    most: int
    """Words it has at most, those of the beginning and the end included."""
    beams: int = 1


@dataclass(frozen=True)
class _Beam:
    words: tuple[int, ...]
    likelihood: float  # its logarithm


@torch.inference_mode()
def likeliest(step: Step, wanted: Wanted) -> list[int]:
    """The words of the likeliest sequence for its length, without the beginning and the end.

    Sequences are compared by the mean logarithm of their words' likelihoods.
    """
    first = len(wanted.begin)
    scores = torch.empty(0)
    for place, word in enumerate(wanted.begin):
        scores = step(torch.tensor([word]), place, torch.tensor([0]))
    beams = [_Beam((), 0.0)]
    whole: list[tuple[float, tuple[int, ...]]] = []
    for place in range(first, wanted.most):
        logs = torch.log_softmax(scores.float().cpu(), dim=-1)
        if place < wanted.least:
            logs[:, wanted.end] = -torch.inf
        going = _longer(beams, logs, wanted, place - first + 1, whole)
        if not going or _is_decided(going, whole, wanted, place - first + 1):
            break
        beams = [beam for beam, _ in going]
        if place + 1 < wanted.most:
            scores = step(
                torch.tensor([beam.words[-1] for beam in beams]),
                place,
                torch.tensor([row for _, row in going]),
            )
    else:  # there is no more room: what still goes on counts as it is
        whole += [(beam.likelihood / max(1, len(beam.words)), beam.words) for beam in beams]
    return list(max(whole, key=lambda one: one[0])[1])


def _longer(
    beams: Sequence[_Beam],
    logs: Tensor,
    wanted: Wanted,
    length: int,
    whole: list[tuple[float, tuple[int, ...]]],
) -> list[tuple[_Beam, int]]:
    """The best sequences that are one word longer, with the row each comes from.

    Those that end are put into `whole`.
    """
    sums = logs + torch.tensor([[beam.likelihood] for beam in beams])
    best = sums.flatten().topk(min(2 * wanted.beams, sums.numel()))
    going: list[tuple[_Beam, int]] = []
    for rank, (value, at) in enumerate(
        zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ):
        row, word = divmod(at, sums.shape[1])
        if word == wanted.end:
            if rank < wanted.beams:
                whole.append((value / length, beams[row].words))
        elif len(going) < wanted.beams:
            going.append((_Beam((*beams[row].words, word), value), row))
    whole.sort(key=lambda one: -one[0])
    del whole[wanted.beams :]
    return going


def _is_decided(
    going: Sequence[tuple[_Beam, int]],
    whole: Sequence[tuple[float, tuple[int, ...]]],
    wanted: Wanted,
    length: int,
) -> bool:
    """Whether nothing that goes on is better now than the worst of as many whole ones."""
    if len(whole) < wanted.beams:
        return False
    return max(beam.likelihood for beam, _ in going) / length <= whole[-1][0]
