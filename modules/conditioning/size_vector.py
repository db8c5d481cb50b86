"""What SDXL is told of a picture besides its text (Podell et al. 2023, arXiv:2307.01952)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from modules.model.families.record import SizeFacts
from modules.model.networks.unet import timestep_embedding

WIDTH = 256
"""Numbers that each fact becomes."""


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """Facts about a picture that is to be drawn; lengths in pixels."""

    height: int
    width: int
    crop_top: int = 0
    crop_left: int = 0
    score: float = 6.0
    """How pleasing the picture should be, of 10."""
    negative_score: float = 2.5
    """The same for the negative prompt."""


def size_vector(kind: SizeFacts, facts: PictureFacts, score: float) -> Tensor | None:
    """The facts of one kind as sinusoids, (256 * facts,) float32; None for networks without any.

    The size before training's cropping and the size to draw are both the picture's own.
    """
    size, crop = (facts.height, facts.width), (facts.crop_top, facts.crop_left)
    told = {
        "": (),
        "sizes": (*size, *crop, *size),
        "sizes and score": (*size, *crop, score),
    }[kind]
    if not told:
        return None
    return timestep_embedding(torch.tensor(told, dtype=torch.float32), WIDTH).flatten()
