"""Keeping what is not repainted, at every step."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from modules.pipeline.points import Attachment
from modules.sampling.catalogue import Sampler

Mix = Callable[[Tensor, Tensor], Tensor]
"""(latents, noise level) -> latents with what is kept in them."""


def keep_unmasked(latents: Tensor, repaint: Tensor, sampler: Sampler) -> Attachment:
    """Put the picture's latents back where `repaint` (batch, 1, h, w) is 0, also in the end."""

    def mix(x: Tensor, level: Tensor | None = None) -> Tensor:
        return x * repaint + latents * (1 - repaint)

    return replace(blending(mix, sampler), before_decode=mix)


def blending(mix: Mix, sampler: Sampler) -> Attachment:
    """`mix` where the sampler's family wants it.

    Samplers of noise levels get the picture in the denoised latent; those of timesteps, as A1111
    has it, before the network and without noise.
    """
    if sampler.family == "timestep":
        return Attachment(before_network=mix)
    return Attachment(after_guidance=lambda denoised, x, level: mix(denoised, level))
