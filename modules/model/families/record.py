"""What a family of models has in common. Needs no torch.

Nothing else in the program asks "is it Stable Diffusion 1?"; it asks the family's record.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models that can be drawn with."""

    name: str
    title: str
    config: str
    """Path below `configs/` of the description used when none lies beside the checkpoint."""
    native_size: tuple[int, int]
    """Width and height in pixels the models were trained at."""
    preview_factors: tuple[tuple[float, float, float], ...]
    """Red, green and blue in [-1, 1] of one unit of each scaled latent channel."""
    unet_prefix: str = "model.diffusion_model."
    autoencoder_prefix: str = "first_stage_model."
    text_prefix: str = "cond_stage_model.transformer."
