"""What a family of models has in common. Needs no torch.

Nothing else in the program asks "is it Stable Diffusion 1?"; it asks the family's record.
"""

from dataclasses import dataclass
from typing import Literal

Layout = Literal["clip", "open_clip"]
"""Whose names the tensors of a text encoder carry: transformers' or OpenCLIP's."""

SizeFacts = Literal["", "sizes", "sizes and score"]
"""What a network is told of a picture besides its text: nothing; original size, crop and target
size; or original size, crop and aesthetic score (Podell et al. 2023, section 2.2)."""


@dataclass(frozen=True, kw_only=True)
class TextTower:
    """One text encoder of a family, and which of its states the network is told."""

    name: str = "clip_l"
    """What embedding files call it."""
    prefix: str
    """Before its tensors' names in a single file."""
    folder: str = "text_encoder"
    """Where it is in a diffusers folder."""
    layout: Layout = "clip"
    depth: int = 1
    """Which hidden state, counted from the last, which is 1."""
    final_norm: bool = True
    """Whether the last normalisation follows, whichever state it is."""
    clip_skip: bool = True
    """Whether people may choose another state."""
    pooled: bool = False
    """Whether the network is also told one projected vector for the whole prompt."""
    spare_layers: int = 0
    """Layers at the end of a single file's encoder that nothing uses; diffusers leaves them out."""

    @property
    def pads_with_zero(self) -> bool:
        """OpenCLIP fills up with token 0 after the first end; CLIP with further ends."""
        return self.layout == "open_clip"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models that can be drawn with."""

    name: str
    title: str
    config: str
    """Path below `configs/` of the description used when none lies beside the checkpoint."""
    native_size: tuple[int, int]
    """Width and height in pixels the models were trained at."""
    velocity_size: tuple[int, int] | None = None
    """The same for those that predict velocity, where they differ."""
    preview_factors: tuple[tuple[float, float, float], ...]
    """Red, green and blue in [-1, 1] of one unit of each scaled latent channel."""
    unet_prefix: str = "model.diffusion_model."
    autoencoder_prefix: str = "first_stage_model."
    text: tuple[TextTower, ...] = (TextTower(prefix="cond_stage_model.transformer."),)
    """In the order in which their states are joined, channel after channel."""
    size_facts: SizeFacts = ""
    zero_empty_negative: bool = False
    """An empty negative prompt is told as zeros."""
    may_predict_velocity: bool = False
    """Files do not say what they predict; the network has to be asked."""
