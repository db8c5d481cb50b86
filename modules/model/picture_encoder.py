"""CLIP's encoder of pictures with its projection, from files in the layout of transformers."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.files import read_weights
from modules.model.folder import files_below
from modules.model.networks.clip_vision import ClipVision, ClipVisionConfig
from modules.model.networks.layers import Linear
from modules.model.safety import below, prepared

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")


class PictureEncoder(nn.Module):
    """Pictures to vectors: one for the whole, or one for every patch."""

    def __init__(self, config: ClipVisionConfig, projection: int) -> None:
        super().__init__()
        self.vision_model = ClipVision(config)
        self.visual_projection = Linear(config.width, projection, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in; small ones are always there."""
        return self.vision_model.post_layernorm.weight.dtype

    def whole(self, x: Tensor) -> Tensor:
        """Normalised pictures (B, 3, side, side) to (B, projection)."""
        vectors: Tensor = self.visual_projection(self.vision_model(x.to(self.dtype)))
        return vectors

    def patches(self, x: Tensor, depth: int = 2) -> Tensor:
        """The same to a hidden state (B, patches + 1, width), the `depth`-th from the last."""
        return self.vision_model.states(x.to(self.dtype))[-depth]


def seen_by(pixels: np.ndarray, side: int) -> Tensor:
    """A picture (height, width, 3) uint8 as encoders want it: (1, 3, side, side)."""
    return prepared(pixels, side)


def encoder_files(folder: Path) -> list[Path]:
    """Every file in the folder of encoders."""
    return files_below(folder, SUFFIXES)


def encoder_sizes(path: Path) -> tuple[int, int]:
    """Channels of an encoder's patches and of its whole vector. Raises ModelError."""
    with read_weights(path) as weights:
        config, projection = _config(weights.shapes, path.name)
    return config.width, projection


def load_picture_encoder(path: Path) -> PictureEncoder:
    """The encoder in a file, at home. Raises ModelError."""
    with read_weights(path) as weights:
        config, projection = _config(weights.shapes, path.name)
        names = {name: name for name in weights if name.startswith("vis")}
        return build(lambda: PictureEncoder(config, projection), weights, names)


def _config(shapes: dict[str, tuple[int, ...]], name: str) -> tuple[ClipVisionConfig, int]:
    try:
        config = ClipVisionConfig.from_shapes(below(shapes, "vision_model."))
        return config, shapes["visual_projection.weight"][0]
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(
            f"{name} is no encoder of pictures: it lacks {error}.",
            "Encoders are CLIP vision models in the layout of transformers.",
        ) from error
