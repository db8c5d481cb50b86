"""Checkpoints of real shapes with numbers at random, so that no weights are needed to measure."""

import json
import math
import struct
from pathlib import Path

import numpy as np

from benchmarks.load import PIECE, shapes_of


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
