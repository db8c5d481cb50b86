"""Writes safetensors files one tensor at a time, whole or not at all."""

import json
import math
import os
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.files import DTYPES
from modules.model.header import ITEM_BYTES

NAMES = {dtype: name for name, dtype in DTYPES.items()}
Progress = Callable[[int, int], None]
"""Told how many tensors of how many are written."""


@dataclass(frozen=True)
class Planned:
    """A tensor to be written: its type and shape, and how to get it when its turn comes."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    make: Callable[[], Tensor]


def write_safetensors(
    path: Path,
    tensors: Mapping[str, Planned],
    metadata: Mapping[str, str],
    *,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write `tensors` to `path`; until that is complete there is nothing of that name.

    Only one tensor is in memory at a time. Raises ModelError if something is there already and
    `overwrite` is not set, or if the disk refuses.
    """
    if path.exists() and not overwrite:
        raise ModelError(f"{path} exists already.", "Choose another name, or overwrite it.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(header_of(tensors, metadata))
            for done, (name, planned) in enumerate(tensors.items(), start=1):
                file.write(bytes_of(planned, name))
                progress(done, len(tensors))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise ModelError(
            f"{path.name} cannot be written: {error.strerror or error}.",
            "Is there enough room on the disk?",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def header_of(tensors: Mapping[str, Planned], metadata: Mapping[str, str]) -> bytes:
    """The beginning of the file: length and JSON, filled up so that tensors are aligned."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, planned in tensors.items():
        kind = NAMES[planned.dtype]
        end = place + math.prod(planned.shape) * ITEM_BYTES[kind]
        entries[name] = {"dtype": kind, "shape": planned.shape, "data_offsets": (place, end)}
        place = end
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def bytes_of(planned: Planned, name: str) -> memoryview:
    """The bytes of a tensor, which must be what was planned."""
    tensor = planned.make().detach().cpu().contiguous()
    assert tensor.dtype == planned.dtype and tuple(tensor.shape) == planned.shape, name
    return tensor.reshape(-1).view(torch.uint8).numpy().data
