"""Checkpoints of real shapes with numbers at random, so that no weights are needed to measure."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modules.model.architecture import Architecture
from modules.model.config import read_config
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.unet import UNet, UNetConfig
from modules.paths import Paths

Shapes = dict[str, tuple[int, ...]]
KINDS = {
    "sd15": "stable-diffusion/v1-inference.yaml",
    "sdxl": "stable-diffusion-xl/sd_xl_base.yaml",
}
PIECE = 2**22


def write_checkpoint(kind: str, path: Path) -> Path:
    """A checkpoint in half precision ("sd15", "sdxl") at `path`, whose network gives numbers.

    Matrices have a spread of 1 / sqrt(inputs), norms are 1 and biases 0, so that nothing overflows.
    Written tensor by tensor: needs memory for the largest only.
    """
    shapes = shapes_of(kind)
    entries, place = {}, 0
    for name, shape in shapes.items():
        end = place + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    piece = np.random.default_rng(1).standard_normal(PIECE, dtype=np.float32)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for name, shape in shapes.items():
            file.write(numbers(name, shape, piece))
    return path


def numbers(name: str, shape: tuple[int, ...], piece: np.ndarray) -> bytes:
    """A tensor's bytes, from as many random numbers as `piece` has, again and again."""
    size = math.prod(shape)
    if len(shape) < 2:
        return np.full(size, float(name.endswith("weight")), np.float16).tobytes()
    scaled = (piece[: min(size, len(piece))] * (size // shape[0]) ** -0.5).astype(np.float16)
    return scaled.tobytes() * (size // len(scaled)) + scaled[: size % len(scaled)].tobytes()


def shapes_of(kind: str) -> Shapes:
    """Names and shapes of a checkpoint in the original layout."""
    architecture: Architecture = read_config(Paths().configs / KINDS[kind])
    with torch.device("meta"):
        assert isinstance(architecture.unet, UNetConfig)
        shapes = named("model.diffusion_model.", UNet(architecture.unet))
        shapes |= named("first_stage_model.", Autoencoder(architecture.autoencoder))
        small = ClipText(ClipTextConfig())
        if kind == "sd15":
            return shapes | named("cond_stage_model.transformer.", small)
        shapes |= named("conditioner.embedders.0.transformer.", small)
    return shapes | open_clip("conditioner.embedders.1.model.", width=1280, layers=32)


def named(prefix: str, network: nn.Module) -> Shapes:
    """A network's tensors below a prefix."""
    return {prefix + name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def open_clip(prefix: str, width: int, layers: int) -> Shapes:
    """A text encoder as OpenCLIP saves it."""
    shapes: Shapes = {
        "token_embedding.weight": (49408, width),
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
    }
    for number in range(layers):
        block = f"transformer.resblocks.{number}."
        for name, rows, columns in (
            ("attn.in_proj_", 3, 1),
            ("attn.out_proj.", 1, 1),
            ("mlp.c_fc.", 4, 1),
            ("mlp.c_proj.", 1, 4),
        ):
            shapes[f"{block}{name}weight"] = (rows * width, columns * width)
            shapes[f"{block}{name}bias"] = (rows * width,)
        for name in ("ln_1", "ln_2"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (width,)
    return {prefix + name: shape for name, shape in shapes.items()}
