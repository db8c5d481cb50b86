"""What a family of models has in common. Needs no torch.

Nothing else in the program asks "is it Stable Diffusion 1?"; it asks the family's record.
"""

from dataclasses import dataclass
from typing import Literal

Layout = Literal["clip", "open_clip", "bert", "t5"]
"""What a text encoder is, and whose names its tensors carry: CLIP with transformers' or OpenCLIP's,
the transformer of latent diffusion's first text-to-image model, or T5."""

Joining = Literal["channels", "t5 after clip", "t5 and pooled clip"]
"""How what several text encoders say is told: their channels one after the other; CLIP's so, filled
up with zeros to T5's width, and T5's tokens after them; or T5's tokens, and of CLIP only the vector
for the whole prompt."""

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
    tokenizer_folder: str = "tokenizer"
    """Where its vocabulary is there."""
    layout: Layout = "clip"
    depth: int = 1
    """Which hidden state, counted from the last, which is 1."""
    final_norm: bool = True
    """Whether the last normalisation follows, whichever state it is."""
    clip_skip: bool = True
    """Whether people may choose another state."""
    pooled: bool = False
    """Whether the network is also told one vector for the whole prompt."""
    projected: bool = True
    """Whether that vector goes through a projection of its own."""
    length: int = 77
    """Tokens read at once, marks included."""
    optional: bool = False
    """Whether the model also draws without it."""
    spare_layers: int = 0
    """Layers at the end of a single file's encoder that nothing uses; diffusers leaves them out."""

    @property
    def pads_with_zero(self) -> bool:
        """OpenCLIP fills up with token 0 after the first end; CLIP with further ends."""
        return self.layout == "open_clip"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What models of straight paths have in common, and their files do not tell."""

    shift: float
    """Of the noise levels, at the native size."""
    small_shift: float | None = None
    """The same at 256 x 256 pixels, if it follows a picture's size."""
    scale_factor: float
    shift_factor: float
    """Latents are the autoencoder's less `shift_factor`, times `scale_factor`."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models that can be drawn with."""

    name: str
    title: str
    config: str
    """Path below `configs/` of the description used when none lies beside the checkpoint; empty
    where shapes tell everything."""
    native_size: tuple[int, int]
    """Width and height in pixels the models were trained at."""
    velocity_size: tuple[int, int] | None = None
    """The same for those that predict velocity, where they differ."""
    preview_factors: tuple[tuple[float, float, float], ...]
    """Red, green and blue in [-1, 1] of one unit of each scaled latent channel."""
    folder: str = "unet"
    """Where the network that takes noise away is in a diffusers folder."""
    autoencoder_folder: str = "vae"
    """Where the autoencoder is there."""
    unet_prefix: str = "model.diffusion_model."
    autoencoder_prefix: str = "first_stage_model."
    text: tuple[TextTower, ...] = (TextTower(prefix="cond_stage_model.transformer."),)
    """In the order in which their states are joined, channel after channel."""
    joining: Joining = "channels"
    flow: Flow | None = None
    """Given for models of straight paths; the rest of their description is in their tensors."""
    told_of_pictures: bool = False
    """Pictures to begin with are also told by their CLIP embedding."""
    usual: tuple[tuple[str, float | str], ...] = ()
    """What to begin with where older families like something else: paths of a request, values."""
    size_facts: SizeFacts = ""
    zero_empty_negative: bool = False
    """An empty negative prompt is told as zeros."""
    may_predict_velocity: bool = False
    """Files do not say what they predict; the network has to be asked."""
