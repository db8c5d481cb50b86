"""Token merging: self-attention over fewer positions, where many look alike.

Bolya and Hoffman, "Token Merging for Fast Stable Diffusion" (2023), section 3, as A1111 uses it:
one of every 2 x 2 positions is kept as a destination, the most similar of the others are averaged
into theirs before self-attention and get a copy of its result afterwards. Only at the finest level,
without random choice of destinations, and never around cross-attention or the feed-forward layers.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modules.model.networks.unet import TransformerBlock

STRIDE = 2
"""One destination in every square of so many positions a side."""

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Merging:
    """How to make fewer tokens of (B, n, C), and as many again of (B, fewer, C)."""

    merge: Change
    unmerge: Change


def merging_of(x: Tensor, height: int, width: int, ratio: float) -> Merging:
    """Decide by `x` (B, height * width, C) which `ratio` of all tokens goes into others."""
    positions = torch.arange(height * width, device=x.device).view(height, width)
    grid = positions[: height // STRIDE * STRIDE : STRIDE, : width // STRIDE * STRIDE : STRIDE]
    kept = grid.flatten()
    others = torch.ones_like(positions.flatten(), dtype=torch.bool)
    others[kept] = False
    rest = positions.flatten()[others]

    metric = x / x.norm(dim=-1, keepdim=True)
    scores = metric[:, rest] @ metric[:, kept].transpose(-1, -2)  # (B, rest, kept)
    likeness, likest = scores.max(dim=-1)
    order = likeness.argsort(dim=-1, descending=True)
    count = min(len(rest), int(x.shape[1] * ratio))
    gone, left = order[:, :count], order[:, count:]  # (B, count), (B, rest - count)
    into = likest.gather(1, gone)

    def merge(tokens: Tensor) -> Tensor:
        source, target = tokens[:, rest], tokens[:, kept]
        target = target.scatter_reduce(1, wide(into, tokens), taken(source, gone), reduce="mean")
        return torch.cat([taken(source, left), target], dim=1)

    def unmerge(tokens: Tensor) -> Tensor:
        apart, target = tokens[:, : left.shape[1]], tokens[:, left.shape[1] :]
        whole = tokens.new_empty(tokens.shape[0], height * width, tokens.shape[2])
        whole[:, kept] = target
        whole.scatter_(1, wide(rest[left], tokens), apart)
        whole.scatter_(1, wide(rest[gone], tokens), taken(target, into))
        return whole

    return Merging(merge, unmerge)


def wide(index: Tensor, like: Tensor) -> Tensor:
    """(B, n) places to (B, n, C), for every channel of `like`."""
    return index[..., None].expand(-1, -1, like.shape[-1])


def taken(tokens: Tensor, index: Tensor) -> Tensor:
    """The tokens (B, n, C) at places (B, m): (B, m, C)."""
    return tokens.gather(1, wide(index, tokens))


@contextmanager
def merged_tokens(network: nn.Module, ratio: float, height: int, width: int) -> Iterator[None]:
    """While open, self-attention at the finest level of `network` sees fewer tokens.

    `height` and `width` are those of the latent. With a `ratio` of 0 nothing is touched at all.
    """
    with ExitStack() as stack:
        if ratio > 0:
            for block in network.modules():
                if isinstance(block, TransformerBlock):
                    for handle in _attached(block, ratio, height, width):
                        stack.callback(handle.remove)
        yield


def _attached(block: TransformerBlock, ratio: float, height: int, width: int) -> list[Any]:
    """Hooks for one evaluation of one block."""
    decided: list[Merging] = []

    def look(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        decided.clear()
        if given[0].shape[1] == height * width and height >= STRIDE and width >= STRIDE:
            decided.append(merging_of(given[0], height, width, ratio))

    def before(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (decided[0].merge(given[0]), *given[1:]) if decided else None

    def after(module: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> Tensor | None:
        return decided[0].unmerge(answer) if decided else None

    return [
        block.register_forward_pre_hook(look),
        block.attn1.register_forward_pre_hook(before),
        block.attn1.register_forward_hook(after),
    ]
