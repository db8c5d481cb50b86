"""What it means to read texts: the promise of every reader, and what it gives."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from modules.conditioning.options import ConditioningOptions
from modules.conditioning.textual_inversion import Embeddings


@dataclass(frozen=True, eq=False)
class Reading:
    """What text encoders made of some texts."""

    tokens: Tensor
    """(texts, tokens, dim)"""
    embeddings: tuple[str, ...] = ()
    """Names of the textual inversions found, in order of appearance."""
    pooled: Tensor | None = None
    """One vector (texts, width) for each, for families that use one."""


class Reader(Protocol):
    """Encodes texts."""

    @property
    def key(self) -> Hashable:
        """Another value means that texts may now be encoded differently."""

    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """Encode the distinct versions `texts` of one prompt.

        `rows` says which of them the prompt's versions are, repeated ones included.
        """


def extended(tokens: Tensor, length: int) -> Tensor:
    """(texts, tokens, dim), the last token repeated until there are `length`."""
    missing = length - tokens.shape[1]
    return torch.cat([tokens, tokens[:, -1:].expand(-1, missing, -1)], dim=1)
