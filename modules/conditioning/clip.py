"""Chunks of tokens through a CLIP text encoder."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from modules.model.families.record import TextTower
from modules.model.networks.clip_text import ClipText
from modules.prompt.chunks import WINDOW, Chunk

BATCH = 32
"""Chunks encoded at once; more would only cost memory."""
ZERO = 0
"""The token that OpenCLIP fills up with."""


class Encoded(NamedTuple):
    """Chunks encoded: (chunks, 77, dim), and (chunks, width) if the family uses it; float32."""

    tokens: Tensor
    pooled: Tensor | None


def encode_clip(
    encoder: ClipText,
    chunks: Sequence[Chunk],
    vectors: Mapping[str, Tensor] | None = None,
    *,
    depth: int = 1,
    tower: TextTower | None = None,
) -> Encoded:
    """Encode chunks in float32.

    `vectors` holds (vectors, dim) for every embedding named in the chunks. `depth` counts layers
    from the last, which is 1. The `tower` says what follows; without one it is the final norm,
    whichever layer it is, as in Stable Diffusion 1.
    """
    batches = [chunks[start : start + BATCH] for start in range(0, len(chunks), BATCH)]
    tower = tower or TextTower(prefix="")
    encoded = [_encode(encoder, batch, vectors or {}, depth, tower) for batch in batches]
    pooled = [one.pooled for one in encoded if one.pooled is not None]
    return Encoded(
        torch.cat([one.tokens for one in encoded]), torch.cat(pooled) if pooled else None
    )


def _encode(
    encoder: ClipText,
    chunks: Sequence[Chunk],
    vectors: Mapping[str, Tensor],
    depth: int,
    tower: TextTower,
) -> Encoded:
    device = next(encoder.parameters()).device
    ids = torch.tensor([chunk.tokens for chunk in chunks], device=device)  # (chunks, 77)
    ends = ids.argmax(dim=1)  # the end has the largest number; of several the first counts
    if tower.pads_with_zero:
        places = torch.arange(ids.shape[1], device=device)
        ids = ids.masked_fill(places[None] > ends[:, None], ZERO)
    words = encoder.embed_tokens(ids)  # (chunks, 77, dim)
    for word, chunk in zip(words, chunks, strict=True):
        for fix in chunk.fixes:
            start = fix.offset + 1
            count = min(fix.vectors, WINDOW - start)
            word[start : start + count] = vectors[fix.name][:count].to(word)
    states = encoder(words)
    state = states[-min(max(depth, 1), len(states))]
    tokens = encoder.final_layer_norm(state) if tower.final_norm else state
    pooled = encoder.pooled(states[-1], ends) if tower.pooled else None
    return Encoded(tokens.float(), pooled)
