"""Weights from a file, whatever kind of file it is. What it is gets decided by its content."""

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.gguf import open_gguf
from modules.model.gguf_header import BLOCKS
from modules.model.gguf_header import MAGIC as GGUF
from modules.model.header import TensorInfo, read_header_from
from modules.model.mapped import MAP_FROM, file_size, forget_pages, map_file
from modules.model.packing import FLOATS, Packed
from modules.model.pickled import (
    PickledFile,
    PickledTensor,
    open_legacy,
    open_zip,
    storage_bytes,
)

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U64": torch.uint64,
    "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip

FOREIGN = (
    (
        b"version https://git-lfs",
        "only a Git LFS pointer to the model, not the model itself",
    ),
    (b"<!DOCTYPE", "a web page, not a model (did the download ask for a login?)"),
    (b"<html", "a web page, not a model (did the download ask for a login?)"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
"""How files begin that are often mistaken for models."""


TABLES = (
    "state_dict", "params_ema", "params-ema", "params", "model_state_dict", "model", "net",
)  # fmt: skip
"""Names under which checkpoints keep their weights, beside optimisers and the like."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor still on disk."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    packed: Callable[[], Packed] | None = None
    """Reads it as it is packed, where a layer can compute with that."""
    stored: int | None = None
    """Bytes of a packed one."""
    forget: Callable[[], None] = lambda: None
    """Lets go of the memory behind a tensor of a mapped file, once there is a copy of it."""


class Weights(Mapping[str, Tensor]):
    """Tensors by name (CPU, the file's type), read at each look-up. Use as a context manager.

    Tensors of large files are views of the file mapped into memory (see `modules.model.mapped`):
    they outlive this object and the file's name, and may be written to.
    """

    def __init__(
        self,
        name: str,
        entries: Mapping[str, Entry],
        metadata: Mapping[str, str] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.entries = entries
        self.metadata = dict(metadata or {})
        self.close = close

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, without reading it."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.entries[name].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __enter__(self) -> "Weights":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_weights(path: Path, map_from: int = MAP_FROM) -> Weights:
    """Open the weights at `path`, of any supported format; nothing in the file is ever run.

    A wrapper such as `state_dict` is taken off; what is not a tensor is left out. Files of
    `map_from` bytes or more are mapped. Raises ModelError saying what is wrong with the file and
    what to do.
    """
    try:
        return kind_of(path)(path, map_from)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def kind_of(path: Path) -> Callable[[Path, int], Weights]:
    """The reader for the file at `path`, judged by its first bytes."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise ModelError(f"{path.name} is empty.", "Download or copy it again.")
    for magic, what in FOREIGN:
        if head[: len(magic)].lower() == magic.lower():
            raise ModelError(f"{path.name} is {what}.")
    if head.startswith(GGUF):
        return lambda path, _: from_gguf(path)
    if head[257:262] == b"ustar":
        raise ModelError(f"{path.name} is a tar archive; unpack it first.")
    if head.startswith(b"PK\x03\x04"):
        return lambda path, map_from: from_pickle(open_zip(path), path, map_from)
    if head[0] == 0x80 and head[1:2] in (b"\2", b"\3", b"\4", b"\5") and head[8:9] != b"{":
        return lambda path, map_from: from_pickle(open_legacy(path), path, map_from)
    if head[8:9] == b"{" or len(head) < 16:
        return from_safetensors
    raise ModelError(
        f"{path.name} is not a model file: neither safetensors nor a PyTorch checkpoint."
    )


def from_safetensors(path: Path, map_from: int = MAP_FROM) -> Weights:
    """Open a safetensors file."""
    file = path.open("rb")
    try:
        header = read_header_from(file, path.name)
        if not header.complete:
            have, want = (size / 1e9 for size in (header.actual_bytes, header.expected_bytes))
            raise ModelError(
                f"{path.name} is incomplete: {have:.3g} of {want:.3g} GB.",
                "Wait for the download to end, or download it again.",
            )
        mapping = map_file(file) if header.actual_bytes >= map_from else None
    except BaseException:
        file.close()
        raise

    def reader(info: TensorInfo) -> Callable[[], Tensor]:
        dtype = DTYPES[info.dtype]
        if mapping is not None and info.end > info.start and info.start % dtype.itemsize == 0:
            count = (info.end - info.start) // dtype.itemsize
            return lambda: mapped(mapping, dtype, count, info.start).view(info.shape)
        return lambda: read_tensor(file, info, path.name)

    def packed(info: TensorInfo) -> Callable[[], Packed] | None:
        packing, read = FLOATS.get(DTYPES[info.dtype]), reader(info)
        if packing is None:
            return None
        return lambda: Packed(packing, info.shape, read().view(torch.uint8).flatten())

    def forgetter(start: int, end: int) -> Callable[[], None]:
        return lambda: None if mapping is None else forget_pages(mapping, start, end)

    def entry(info: TensorInfo) -> Entry:
        unpack = packed(info)
        stored = info.end - info.start if unpack else None
        return Entry(info.shape, reader(info), unpack, stored, forgetter(info.start, info.end))

    entries = {name: entry(info) for name, info in header.tensors.items()}
    return Weights(path.name, entries, header.metadata, file.close)


def from_gguf(path: Path) -> Weights:
    """Open a GGUF file; packed tensors are unpacked to float32 where they are read as tensors."""
    file = open_gguf(path)

    def entry(name: str) -> Entry:
        info = file.tensors[name]
        unpack = (lambda: file.packed(name)) if info.kind in BLOCKS else None
        stored = info.length if unpack else None
        return Entry(info.shape, lambda: file.tensor(name), unpack, stored)

    return Weights(path.name, {name: entry(name) for name in file.tensors}, None, file.close)


def mapped(mapping: mmap.mmap, dtype: torch.dtype, count: int, start: int) -> Tensor:
    """`count` numbers of a mapped file, from byte `start` on, as a flat tensor."""
    return torch.frombuffer(mapping, dtype=dtype, count=count, offset=start)


def read_tensor(file: BinaryIO, info: TensorInfo, name: str) -> Tensor:
    """Read one tensor of a safetensors file straight into memory of its own."""
    data = torch.empty(info.end - info.start, dtype=torch.uint8)
    file.seek(info.start)
    if data.numel() and file.readinto(data.numpy()) != data.numel():  # type: ignore[attr-defined]
        raise ModelError(f"{name} became shorter while it was read.", "Was it being replaced?")
    return data.view(DTYPES[info.dtype]).view(info.shape)


def from_pickle(file: PickledFile, path: Path, map_from: int) -> Weights:
    """The tensors of an opened PyTorch checkpoint."""
    table = weights_in(file.content)
    tensors = tensors_in(table) or tensors_in(joined_tables(table))
    if not tensors:
        file.close()
        raise ModelError(f"{path.name} holds no table of tensors.")
    with path.open("rb") as opened:
        mapping = map_file(opened) if file_size(opened) >= map_from else None

    def reader(tensor: PickledTensor) -> Callable[[], Tensor]:
        return lambda: read_pickled(file, tensor, mapping)

    def forgetter(tensor: PickledTensor) -> Callable[[], None]:
        return lambda: forget_pickled(file, tensor, mapping)

    entries = {
        key: Entry(tensor.shape, reader(tensor), forget=forgetter(tensor))
        for key, tensor in tensors.items()
    }
    return Weights(path.name, entries, None, file.close)


def tensors_in(table: object) -> dict[str, PickledTensor]:
    """What is a tensor in a table, by its name."""
    return {
        key: value
        for key, value in (table.items() if isinstance(table, dict) else ())
        if isinstance(key, str) and isinstance(value, PickledTensor)
    }


def joined_tables(content: object) -> dict[str, object]:
    """A table of tables as one: `part.name`, as adapters of several networks are kept."""
    parts = content.items() if isinstance(content, dict) else ()
    return {
        f"{part}.{name}": value
        for part, table in parts
        if isinstance(table, dict)
        for name, value in table.items()
    }


def weights_in(content: object) -> object:
    """The table of weights in what was pickled, which trainers wrap under one of several names."""
    if not isinstance(content, dict):
        return content
    bare = any(isinstance(value, PickledTensor) for value in content.values())
    names = TABLES[:1] if bare else TABLES
    return next((content[name] for name in names if isinstance(content.get(name), dict)), content)


def read_pickled(
    file: PickledFile, tensor: PickledTensor, mapping: mmap.mmap | None = None
) -> Tensor:
    """Read one tensor of a PyTorch checkpoint.

    Bytes that are copied have their checksum verified; a mapped file is taken as it is.
    """
    dtype = DTYPES[tensor.dtype]
    if 0 in tensor.shape:
        return torch.empty(tensor.shape, dtype=dtype)
    length = storage_bytes(tensor.storage)
    start = None if mapping is None else file.place(tensor.storage)
    if mapping is None or start is None or start % dtype.itemsize or start + length > len(mapping):
        flat = torch.frombuffer(file.read(tensor.storage), dtype=dtype)
    else:
        flat = mapped(mapping, dtype, length // dtype.itemsize, start)
    return flat.as_strided(tensor.shape, tensor.strides, tensor.offset).contiguous()


def forget_pickled(file: PickledFile, tensor: PickledTensor, mapping: mmap.mmap | None) -> None:
    """Let go of the memory behind a tensor of a mapped checkpoint."""
    start = None if mapping is None else file.place(tensor.storage)
    if mapping is not None and start is not None:
        length = storage_bytes(tensor.storage)
        forget_pages(mapping, start, min(start + length, len(mapping)))
