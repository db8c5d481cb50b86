"""Reads the tables at the beginning of GGUF files (version 2 and 3). Needs no torch.

The format: a table of facts, a table of tensors, then their bytes. Every figure is checked before
anyone uses it, because files come from strangers.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from modules.errors import ModelError
from modules.model.mapped import file_size

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_TENSORS, MOST_FACTS, LONGEST_TEXT = 100_000, 100_000, 2**24
MOST_DIMENSIONS = 4
ALIGNMENT = "general.alignment"
SHAPE = "comfy.gguf.orig_shape."
"""Before a tensor's name: its shape, where the file had to lay it out in another."""

NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
           10: "<Q", 11: "<q", 12: "<d"}  # fmt: skip
"""How numbers of each type are written."""
TEXT, LIST = 8, 9

BLOCKS = {
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
}
"""Ways to pack that are known here: name, numbers in a block, bytes of a block."""
PLAIN = {0: ("F32", 4), 1: ("F16", 2), 24: ("I8", 1), 26: ("I32", 4), 30: ("BF16", 2)}
"""Types that are not packed: name, bytes of a number."""


@dataclass(frozen=True)
class GGUFTensor:
    """Where one tensor lies: `start` and `length` count bytes in the file.

    `kind` is a number in `BLOCKS` or `PLAIN`.
    """

    shape: tuple[int, ...]
    start: int
    length: int
    kind: int


def read_tables(file: BinaryIO, name: str) -> tuple[dict[str, Any], dict[str, GGUFTensor]]:
    """The two tables at the beginning of a file. Raises ModelError."""
    reader = Reader(file, name)
    if reader.take(4) != MAGIC:
        raise broken(name, "it does not begin like a GGUF file")
    version, count, facts_count = reader.number(4), reader.number(10), reader.number(10)
    if version not in VERSIONS:
        raise ModelError(f"{name} is a GGUF file of version {version}, not known here.")
    if count > MOST_TENSORS or facts_count > MOST_FACTS:
        raise broken(name, f"it claims to hold {count} tensors and {facts_count} facts")
    facts = {}
    for _ in range(facts_count):
        key = reader.text()
        facts[key] = reader.value(reader.number(4))
    entries = [read_entry(reader) for _ in range(count)]
    if len({entry[0] for entry in entries}) < len(entries):
        raise broken(name, "two tensors have one name")
    alignment = facts.get(ALIGNMENT, 32)
    if type(alignment) is not int or not 1 <= alignment <= 2**16:
        raise broken(name, f"its alignment is {alignment!r}")
    begin = -(-file.tell() // alignment) * alignment
    size = file_size(file)
    return facts, {
        key: place(name, key, shape, kind, begin + offset, size, facts)
        for key, shape, kind, offset in entries
    }


def read_entry(reader: "Reader") -> tuple[str, tuple[int, ...], int, int]:
    """A tensor's name, shape, type and place."""
    key, dimensions = reader.text(), reader.number(4)
    if dimensions > MOST_DIMENSIONS:
        raise broken(reader.name, f"{key!r} has {dimensions} dimensions")
    shape = tuple(reader.number(10) for _ in range(dimensions))[::-1]
    return key, shape, reader.number(4), reader.number(10)


def place(
    name: str,
    key: str,
    shape: tuple[int, ...],
    kind: int,
    start: int,
    size: int,
    facts: dict[str, Any],
) -> GGUFTensor:
    """Check one entry of the table of tensors."""
    numbers = math.prod(shape)
    if kind in BLOCKS:
        title, block, size_of_block = BLOCKS[kind]
        if not shape or shape[-1] % block:
            raise broken(name, f"{key!r} of shape {shape} cannot be in blocks of {title}")
        length = numbers // block * size_of_block
    elif kind in PLAIN:
        length = numbers * PLAIN[kind][1]
    else:
        known = ", ".join([one[0] for one in PLAIN.values()] + [one[0] for one in BLOCKS.values()])
        raise ModelError(
            f"{name} holds {key!r} packed in a way (number {kind}) that is not known here.",
            f"Known: {known}.",
        )
    if start + length > size:
        have, want = size / 1e9, (start + length) / 1e9
        raise ModelError(
            f"{name} is incomplete: {have:.3g} of at least {want:.3g} GB.",
            "Wait for the download to end, or download it again.",
        )
    told = facts.get(SHAPE + key)
    if isinstance(told, list) and math.prod(told) == numbers and all(side > 0 for side in told):
        shape = tuple(told)
    return GGUFTensor(shape, start, length, kind)


class Reader:
    """Numbers and texts from the beginning of a file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.left = file_size(file)

    def take(self, length: int) -> bytes:
        """The next bytes. Raises ModelError where there are not so many."""
        self.left -= length
        data = self.file.read(length) if self.left >= 0 else b""
        if len(data) < length:
            raise ModelError(
                f"{self.name} is incomplete: it ends inside its tables.",
                "Download or copy it again.",
            )
        return data

    def number(self, kind: int) -> Any:
        """A number of one of the types."""
        form = NUMBERS[kind]
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return value

    def text(self) -> str:
        """A text with its length before it."""
        length = self.number(10)
        if length > LONGEST_TEXT:
            raise broken(self.name, f"a name in it is {length} bytes long")
        return self.take(length).decode("utf-8", errors="replace")

    def value(self, kind: int, depth: int = 0) -> Any:
        """A fact of any type."""
        if kind == TEXT:
            return self.text()
        if kind == LIST and depth == 0:
            inner, count = self.number(4), self.number(10)
            if count > self.left:
                raise broken(self.name, f"a list in it claims {count} entries")
            return [self.value(inner, 1) for _ in range(count)]
        if kind not in NUMBERS:
            raise broken(self.name, f"it holds a fact of the unknown type {kind}")
        return self.number(kind)


def broken(name: str, why: str) -> ModelError:
    """The error for a file that contradicts itself."""
    return ModelError(f"{name} is damaged: {why}.", "Download or copy it again.")
