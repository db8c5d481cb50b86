"""Chunks of tokens through a CLIP text encoder."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from modules.model.networks.clip_text import ClipText
from modules.prompt.chunks import WINDOW, Chunk

BATCH = 32
"""Chunks encoded at once; more would only cost memory."""


def encode_clip(
    encoder: ClipText,
    chunks: Sequence[Chunk],
    vectors: Mapping[str, Tensor] | None = None,
    *,
    clip_skip: int = 1,
) -> Tensor:
    """Encode chunks to (chunks, 77, dim), in float32.

    `vectors` holds (vectors, dim) for every embedding named in the chunks. `clip_skip` counts
    layers from the last, which is 1; whichever layer it is, the final norm follows (as in
    Stable Diffusion 1).
    """
    batches = [chunks[start : start + BATCH] for start in range(0, len(chunks), BATCH)]
    return torch.cat([_encode(encoder, batch, vectors or {}, clip_skip) for batch in batches])


def _encode(
    encoder: ClipText, chunks: Sequence[Chunk], vectors: Mapping[str, Tensor], clip_skip: int
) -> Tensor:
    device = next(encoder.parameters()).device
    ids = torch.tensor([chunk.tokens for chunk in chunks], device=device)  # (chunks, 77)
    words = encoder.embed_tokens(ids)  # (chunks, 77, dim)
    for word, chunk in zip(words, chunks, strict=True):
        for fix in chunk.fixes:
            start = fix.offset + 1
            count = min(fix.vectors, WINDOW - start)
            word[start : start + count] = vectors[fix.name][:count].to(word)
    states = encoder(words)
    depth = min(max(clip_skip, 1), len(states))
    return encoder.final_layer_norm(states[-depth]).float()
