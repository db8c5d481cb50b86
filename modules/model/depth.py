"""Where a checkpoint wants to know how near everything is: its own estimator, or one from a file.

depth2img checkpoints carry one below `depth_model.`; files of MiDaS lie in `models/midas`.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.files import Weights, read_weights
from modules.model.networks.dpt import Dpt, DptConfig

OWN = "depth_model.model."
MARK = "pretrained.model.cls_token"
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
SIDE, MULTIPLE = 384, 32
"""Pixels of the side the estimator was trained at, and what sides are multiples of."""


def own_estimator(weights: Weights) -> Dpt | None:
    """The estimator inside a checkpoint; None if there is none. Raises ModelError."""
    return estimator(weights, OWN) if OWN + MARK in weights else None


def estimator_in(folder: Path) -> Dpt | None:
    """The first estimator among the files of `folder`; None if there is none.

    Raises ModelError for a file that names itself one and is broken.
    """
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.suffix.lower() not in SUFFIXES:
            continue
        with read_weights(path) as weights:
            if MARK in weights:
                return estimator(weights, "")
    return None


def estimator(weights: Weights, prefix: str) -> Dpt:
    """The network whose tensors begin with `prefix`, in float32. Raises ModelError."""
    names = {name.removeprefix(prefix): name for name in weights if name.startswith(prefix)}
    shapes = {name: weights.entries[source].shape for name, source in names.items()}
    try:
        config = DptConfig.from_shapes(shapes)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{weights.name} holds only part of a depth estimator.") from error
    return build(lambda: Dpt(config), weights, names, dtype=torch.float32)


@torch.no_grad()
def estimated(network: Dpt, picture: Tensor) -> Tensor:
    """How near everything in a picture (1, 3, H, W) in [-1, 1] is: (1, 1, H', W') of about the same
    shape, without unit, the nearer the larger.

    One side becomes 384 pixels, the one that changes less, and the other keeps the proportion.
    """
    sides = fitted_sides(*picture.shape[-2:])
    seen = interpolate(picture, size=sides, mode="bicubic", align_corners=False)
    return network(seen)


def fitted_sides(height: int, width: int) -> tuple[int, int]:
    """The sides a picture is looked at with, in MiDaS' manner."""
    tall, wide = SIDE / height, SIDE / width
    scale = wide if abs(1 - wide) < abs(1 - tall) else tall

    def side(length: int) -> int:
        return max(MULTIPLE, round(scale * length / MULTIPLE) * MULTIPLE)

    return side(height), side(width)
