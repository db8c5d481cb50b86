"""Reads the header of a safetensors file: names, types, shapes, places, metadata. Needs no torch.

The format: eight bytes of little-endian length, that many bytes of JSON, then the tensors' bytes.
Every figure in the JSON is checked before anyone uses it, because files come from strangers.
"""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from modules.errors import ModelError

MAX_HEADER = 100 * 2**20
MAX_METADATA = 16 * 2**20
ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of one number of each type the format knows."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor lies: `start` and `end` count bytes from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file says about itself."""

    metadata: dict[str, str]
    tensors: dict[str, TensorInfo]
    expected_bytes: int
    """Size of the whole file when it is complete."""
    actual_bytes: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing at the end."""
        return self.actual_bytes >= self.expected_bytes

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape by name."""
        return {name: info.shape for name, info in self.tensors.items()}


def read_header(path: Path) -> Header:
    """Read and check the header at `path`; an incomplete file is no error, a wrong one is.

    Raises ModelError with what is wrong; OSError when the file cannot be read at all.
    """
    with path.open("rb") as file:
        return read_header_from(file, path.name)


def read_header_from(file: BinaryIO, name: str) -> Header:
    """Like `read_header`, from an open file; `name` is for messages."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise broken(name, f"its header claims to be {length} bytes long")
    text = file.read(length)
    if len(text) < length:
        raise ModelError(
            f"{name} is incomplete: it ends inside its header.",
            "Download or copy it again.",
        )
    tensors, metadata = parse(text, name)
    place = 8 + length
    infos = {
        key: TensorInfo(dtype, shape, place + start, place + end)
        for key, (dtype, shape, start, end) in tensors.items()
    }
    end = max((info.end for info in infos.values()), default=place)
    if size > end:
        raise broken(name, f"{size - end} bytes follow its last tensor")
    return Header(metadata, infos, end, size)


Raw = tuple[str, tuple[int, ...], int, int]  # dtype, shape, start, end


def parse(text: bytes, name: str) -> tuple[dict[str, Raw], dict[str, str]]:
    """Check the JSON of a header; offsets stay relative to the end of the header."""
    try:
        fields = json.loads(text, object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError) as error:
        raise broken(name, f"its header is not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise broken(name, "its header is not a JSON object")
    metadata = fields.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise broken(name, "its metadata is not a table of texts")
    if sum(len(key) + len(value) for key, value in metadata.items()) > MAX_METADATA:
        raise broken(name, f"its metadata is larger than {MAX_METADATA // 2**20} MB")

    tensors = {key: parse_tensor(key, entry, name) for key, entry in fields.items()}
    expected = 0
    for key, (_, _, start, end) in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if start != expected:
            raise broken(name, f"tensor {key!r} overlaps another or leaves a gap")
        expected = end
    return tensors, metadata


def parse_tensor(key: str, entry: Any, name: str) -> Raw:
    """Check one entry: known type, whole numbers, and as many bytes as the shape needs."""
    if not isinstance(entry, dict):
        raise broken(name, f"the entry for {key!r} is not an object")
    dtype, shape, offsets = (entry.get(part) for part in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise ModelError(
            f"{name} holds {key!r} as type {dtype!r}, which is not known here.",
            f"Known types: {', '.join(ITEM_BYTES)}.",
        )
    if not are_counts(shape) or not are_counts(offsets) or len(offsets) != 2:
        raise broken(name, f"shape or offsets of {key!r} are not whole numbers")
    start, end = offsets
    if len(shape) > 16 or end - start != math.prod(shape) * ITEM_BYTES[dtype]:
        raise broken(name, f"{key!r} has shape {shape} but {end - start} bytes")
    return dtype, tuple(shape), start, end


def are_counts(value: Any) -> TypeGuard[list[int]]:
    """Whether `value` is a list of integers, none negative."""
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys must all differ."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def broken(name: str, why: str) -> ModelError:
    """The error for a header that contradicts itself."""
    return ModelError(f"{name} is damaged: {why}.", "Download or copy it again.")
