"""The safety checker that came with Stable Diffusion 1: tells pictures that should not be shown.

CLIP's vector of a picture is compared with those of seventeen concepts that were never named, each
with a threshold of its own. Three more concepts make the checker stricter when they are seen.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.files import read_weights
from modules.model.networks.clip_vision import ClipVision, ClipVisionConfig

FILES = ("model.safetensors", "pytorch_model.bin", "model.fp16.safetensors")
STRICTER = 0.01
"""Taken from all thresholds when a concept of special care is seen."""
DIGITS = 3
"""Scores are rounded to so many decimals before they are compared with zero."""
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures CLIP was trained on, red, green and blue."""


class CheckerNetwork(nn.Module):
    """The checker's tensors, under the names of its file."""

    def __init__(self, config: ClipVisionConfig, projection: int, sizes: tuple[int, int]) -> None:
        """`sizes` are the numbers of concepts and of concepts of special care."""
        super().__init__()
        concepts, special = sizes
        self.vision_model = ClipVision(config)
        self.visual_projection = nn.Linear(config.width, projection, bias=False)
        self.concept_embeds = nn.Parameter(torch.zeros(concepts, projection))
        self.special_care_embeds = nn.Parameter(torch.zeros(special, projection))
        self.concept_embeds_weights = nn.Parameter(torch.zeros(concepts))
        self.special_care_embeds_weights = nn.Parameter(torch.zeros(special))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised pictures (B, 3, side, side) to their distances above the thresholds.

        Both (B, concepts) float32: those of special care first, then the others.
        """
        vectors = F.normalize(self.visual_projection(self.vision_model(x)).float())
        special, concepts = (
            vectors @ F.normalize(known.float()).T - thresholds.float()
            for known, thresholds in (
                (self.special_care_embeds, self.special_care_embeds_weights),
                (self.concept_embeds, self.concept_embeds_weights),
            )
        )
        return special, concepts


class SafetyChecker:
    """Looks at finished pictures."""

    def __init__(self, network: CheckerNetwork) -> None:
        self.network = network

    @classmethod
    def read(cls, folder: Path, device: str | torch.device = "cpu") -> "SafetyChecker":
        """Read the checker's weights in `folder`. Raises ModelError."""
        path = checker_file(folder)
        if path is None:
            raise ModelError(
                f"There is no safety checker in {folder}.", f"Put its {FILES[0]} there."
            )
        with read_weights(path) as weights:
            shapes = weights.shapes
            names = {plain_name(name): name for name in shapes}
            known = {name: shapes[source] for name, source in names.items()}
            try:
                config = ClipVisionConfig.from_shapes(below(known, "vision_model."))
                projection = known["visual_projection.weight"][0]
                sizes = known["concept_embeds"][0], known["special_care_embeds"][0]
            except (KeyError, IndexError, ValueError) as error:
                raise ModelError(f"{path.name} is no safety checker: {error}.") from error
            network = build(
                lambda: CheckerNetwork(config, projection, sizes),
                weights,
                names,
                torch.device(device),
                torch.float32,
            )
        return cls(network)

    @torch.no_grad()
    def flags(self, pictures: Sequence[np.ndarray]) -> list[bool]:
        """Whether each picture, (height, width, 3) uint8 RGB, should not be shown.

        Raises ModelError if damaged weights say neither.
        """
        side = self.network.vision_model.config.side
        device = self.network.concept_embeds.device
        flagged = []
        for picture in pictures:
            x = prepared(picture, side).to(device)
            special, concepts = (scores[0].tolist() for scores in self.network(x))
            if not all(map(isfinite, (*special, *concepts))):
                raise ModelError(
                    "The safety checker gives no numbers.",
                    "Its weights are damaged: copy them again.",
                )
            stricter = STRICTER if any(round(score, DIGITS) > 0 for score in special) else 0.0
            flagged.append(any(round(score + stricter, DIGITS) > 0 for score in concepts))
        return flagged

    def without_flagged(self, pictures: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
        """The pictures, flagged ones all black, and how many were flagged."""
        flags = self.flags(pictures)
        shown = [
            np.zeros_like(picture) if flag else picture
            for picture, flag in zip(pictures, flags, strict=True)
        ]
        return shown, sum(flags)


def checker_file(folder: Path) -> Path | None:
    """The file with the checker's weights, if it is there."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def plain_name(name: str) -> str:
    """A tensor's name without the second `vision_model.` of older files."""
    return name.replace("vision_model.vision_model.", "vision_model.", 1)


def below(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[str, tuple[int, ...]]:
    """The entries whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def prepared(picture: np.ndarray, side: int) -> Tensor:
    """A picture (height, width, 3) uint8 as CLIP sees it: the middle, (1, 3, side, side)."""
    image = Image.fromarray(picture)
    short = min(image.size)
    width, height = (side * length // short for length in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return ((pixels - mean) / deviation)[None]
