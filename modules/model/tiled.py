"""Large feature maps in overlapping tiles, for autoencoders that do not fit into memory at once.

Tiles are weighted by a ramp that rises over the overlap, so that neighbours fade into each other
without a seam. The autoencoder's normalisations see one tile instead of the whole picture, so the
result is close to the whole one but not the same.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

TILE, OVERLAP, MARGIN = 64, 24, 4
"""In latent cells. Within the margin of a tile's edge its padding shows, so it hardly counts."""
FAINT = 1e-3
"""Least weight: at the edge of the picture there is nothing else to take."""


def decode_in_tiles(
    decode: Callable[[Tensor], Tensor], z: Tensor, scale: int, tile: int = TILE
) -> Tensor:
    """`decode` of a latent (1, C, h, w), giving (1, D, h*scale, w*scale) float32 on the CPU."""
    height, width = z.shape[2:]
    total: Tensor | None = None
    weights = torch.zeros(1, 1, height * scale, width * scale)
    for top, bottom in spans(height, tile):
        for left, right in spans(width, tile):
            piece = decode(z[..., top:bottom, left:right]).float().cpu()
            if total is None:
                total = torch.zeros(1, piece.shape[1], height * scale, width * scale)
            mask = ramp(piece.shape[2], scale)[:, None] * ramp(piece.shape[3], scale)
            place = (..., slice(top * scale, bottom * scale), slice(left * scale, right * scale))
            total[place] += piece * mask
            weights[place] += mask
    assert total is not None
    return total / weights


def encode_in_tiles(
    encode: Callable[[Tensor], Tensor], x: Tensor, scale: int, tile: int = TILE
) -> Tensor:
    """`encode` of a picture (1, 3, H, W), giving (1, D, H/scale, W/scale) on the picture's device.

    Sides must be multiples of `scale`.
    """
    height, width = x.shape[2] // scale, x.shape[3] // scale
    total: Tensor | None = None
    weights = torch.zeros(1, 1, height, width, device=x.device)
    for top, bottom in spans(height, tile):
        for left, right in spans(width, tile):
            piece = encode(
                x[..., top * scale : bottom * scale, left * scale : right * scale]
            ).float()
            if total is None:
                total = torch.zeros(1, piece.shape[1], height, width, device=x.device)
            mask = (ramp(bottom - top, 1)[:, None] * ramp(right - left, 1)).to(x.device)
            total[..., top:bottom, left:right] += piece * mask
            weights[..., top:bottom, left:right] += mask
    assert total is not None
    return total / weights


def spans(length: int, tile: int, overlap: int = OVERLAP) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of tiles along one side: of one size, overlapping at least so much."""
    if length <= tile:
        yield 0, length
        return
    overlap = min(overlap, tile // 2)
    count = -(-(length - overlap) // (tile - overlap))
    for index in range(count):
        start = round(index * (length - tile) / (count - 1))
        yield start, start + tile


def ramp(length: int, scale: int) -> Tensor:
    """Weights along one side of a tile, (length,) float32: rising from both ends, never zero."""
    steps = torch.arange(length, dtype=torch.float32)
    distance = torch.minimum(steps, steps.flip(0)) + 0.5
    rise = (distance / scale - MARGIN) / (OVERLAP - 2 * MARGIN)
    return rise.clamp(FAINT, 1)
