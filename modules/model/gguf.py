"""Tensors of GGUF files, packed or not; see `modules.model.gguf_header` for the format."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.gguf_header import GGUFTensor, read_tables
from modules.model.mapped import map_file
from modules.model.packing import GGML, PLAIN, Packed


@dataclass(frozen=True)
class GGUFFile:
    """An open file with what it says about itself."""

    name: str
    facts: dict[str, Any]
    tensors: dict[str, GGUFTensor]
    read: Callable[[int, int], Tensor] = field(repr=False)
    """Bytes from a place on, so many, as uint8."""
    close: Callable[[], None] = field(repr=False)

    def packed(self, name: str) -> Packed:
        """A packed tensor as it is."""
        info = self.tensors[name]
        return Packed(GGML[info.kind], info.shape, self.read(info.start, info.length))

    def tensor(self, name: str) -> Tensor:
        """A tensor, unpacked to float32 if it was packed."""
        info = self.tensors[name]
        if info.kind in GGML:
            return self.packed(name).unpacked()
        dtype = PLAIN[info.kind]
        return self.read(info.start, info.length).view(dtype).view(info.shape)


def open_gguf(path: Path) -> GGUFFile:
    """Open the file at `path`. Raises ModelError saying what is wrong with it."""
    file = path.open("rb")
    try:
        facts, tensors = read_tables(file, path.name)
        mapping = map_file(file)
    except BaseException:
        file.close()
        raise

    def read(start: int, length: int) -> Tensor:
        return read_bytes(file, mapping, start, length, path.name)

    return GGUFFile(path.name, facts, tensors, read, file.close)


def read_bytes(
    file: BinaryIO, mapping: mmap.mmap | None, start: int, length: int, name: str
) -> Tensor:
    """Bytes of the file as uint8: a view of the mapping, or read."""
    if length == 0:
        return torch.empty(0, dtype=torch.uint8)
    if mapping is not None:
        return torch.frombuffer(mapping, dtype=torch.uint8, count=length, offset=start)
    data = torch.empty(length, dtype=torch.uint8)
    file.seek(start)
    if file.readinto(data.numpy()) != length:  # type: ignore[attr-defined]
        raise ModelError(f"{name} became shorter while it was read.", "Was it being replaced?")
    return data
