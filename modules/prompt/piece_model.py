"""Reads SentencePiece models (`spiece.model`): words with their scores, and how text is cleaned.

The files are protocol buffers; only four fields matter here, so they are read by hand. Every length
is checked, because files come from strangers.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import ModelError

LARGEST = 64 * 2**20
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Kinds of field in a protocol buffer."""
UNKNOWN_PIECE = 2
"""The type of the piece that stands for everything else."""

Field = tuple[int, int | bytes]
"""A field's number and value: an integer, or bytes."""


@dataclass(frozen=True)
class PieceModel:
    """What a tokenizer is made of."""

    pieces: list[tuple[str, float]]
    """Every piece with its log probability, by id."""
    unknown: int
    """Id of the piece that stands for everything else."""
    normalisation: bytes
    """The compiled table of characters to replace; empty for none."""


def read_piece_model(path: Path) -> PieceModel:
    """Read the model at `path`. Raises ModelError."""
    try:
        if path.stat().st_size > LARGEST:
            raise ModelError(f"{path} is too large for a vocabulary.")
        return parse(path.read_bytes())
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(
            f"{path} is not a SentencePiece model: {error}.", "Get it again."
        ) from error


def parse(data: bytes) -> PieceModel:
    """The parts of a model file's content. Raises ValueError."""
    pieces: list[tuple[str, float]] = []
    unknown, normalisation = None, b""
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            text, score, kind = parse_piece(value)
            if kind == UNKNOWN_PIECE and unknown is None:
                unknown = len(pieces)
            pieces.append((text, score))
        elif number == 3 and isinstance(value, bytes):
            found = dict(fields(value)).get(2, b"")
            normalisation = found if isinstance(found, bytes) else b""
    if unknown is None:
        raise ValueError("it has no piece for unknown text")
    return PieceModel(pieces, unknown, normalisation)


def parse_piece(data: bytes) -> tuple[str, float, int]:
    """A piece's text, score and type."""
    text, score, kind = "", 0.0, 1
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif number == 2 and isinstance(value, bytes):
            (score,) = struct.unpack("<f", value)
        elif number == 3 and isinstance(value, int):
            kind = value
    return text, score, kind


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, in order. Raises ValueError."""
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = varint(data, place)
            yield number, value
            continue
        if kind == BYTES:
            length, place = varint(data, place)
        elif kind in (FOUR_BYTES, EIGHT_BYTES):
            length = 4 if kind == FOUR_BYTES else 8
        else:
            raise ValueError(f"field {number} is of a kind that does not exist")
        if place + length > len(data):
            raise ValueError("it ends in the middle of a field")
        yield number, data[place : place + length]
        place += length


def varint(data: bytes, place: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, and the place after it. Raises ValueError."""
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(data):
            raise ValueError("it ends in the middle of a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, place
    raise ValueError("a number is too long")
