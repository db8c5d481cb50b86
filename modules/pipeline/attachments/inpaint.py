"""Keeping what is not repainted, at every step."""

from torch import Tensor

from modules.pipeline.points import Attachment
from modules.sampling.catalogue import Sampler


def keep_unmasked(latents: Tensor, repaint: Tensor, sampler: Sampler) -> Attachment:
    """Put the picture's latents back where `repaint` (batch, 1, h, w) is 0.

    Samplers of noise levels get them in the denoised latent; those of timesteps, as A1111 has it,
    before the network and without noise. Both get them in the end.
    """

    def blend(x: Tensor) -> Tensor:
        return x * repaint + latents * (1 - repaint)

    if sampler.family == "timestep":
        return Attachment(before_network=lambda x, level: blend(x), before_decode=blend)
    return Attachment(
        after_guidance=lambda denoised, x, level: blend(denoised), before_decode=blend
    )
