"""Embeddings hidden in pictures, as A1111's webui makes them to be shared.

Either a PNG text chunk holds them, or the low four bits of the pixels: two equal blocks left and
right of columns in which those bits are zero, one with the lower and one with the upper half of
every byte, disguised by a fixed sequence of numbers. Inside is compressed JSON.
"""

import base64
import binascii
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from modules.errors import ModelError

TEXT_CHUNK = "sd-ti-embedding"
TENSOR_KEY = "TORCHTENSOR"
NIBBLE = 0x0F
MAX_JSON_BYTES = 64 << 20

Nibbles = NDArray[np.uint8]


def read_embedding_image(path: Path) -> dict[str, Any] | None:
    """Return the table in a picture, lists turned into tensors; None if it is just a picture.

    Raises ModelError when the file is no readable picture, or what is in it is damaged.
    """
    try:
        with Image.open(path) as image:
            written = image.info.get(TEXT_CHUNK)
            pixels = None if written else np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ModelError(f"{path.name} cannot be read as a picture.") from error
    if pixels is not None:
        hidden = _hidden_bytes(pixels)
        return None if hidden is None else _table(hidden, path.name)
    try:
        return _table(base64.b64decode(str(written)), path.name)
    except binascii.Error as error:
        raise ModelError(f"The embedding in {path.name} is damaged.") from error


def _table(data: bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(data, object_hook=_tensor_or_table)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"The embedding in {name} is damaged.") from error
    if not isinstance(content, dict):
        raise ModelError(f"The embedding in {name} is damaged.")
    return content


def _tensor_or_table(table: dict[str, Any]) -> Any:
    return torch.tensor(table[TENSOR_KEY]) if TENSOR_KEY in table else table


def _hidden_bytes(pixels: Nibbles) -> bytes | None:
    """The decompressed data in the low bits of (height, width, 3), None if there is none."""
    nibbles = _crop(pixels & np.uint8(NIBBLE))
    black = np.flatnonzero(~nibbles.any(axis=(0, 2)))
    if black.size == 0:
        return None
    left, right = nibbles[:, : black[0]], nibbles[:, black[-1] + 1 :]
    if left.shape != right.shape or left.size == 0:
        return None
    lower, upper = (_disguise(block).ravel() for block in (left, right))
    for low, high in ((lower, upper), (upper, lower)):
        data = _decompress((low | high << 4).astype(np.uint8).tobytes())
        if data is not None:
            return data
    return None


def _decompress(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MAX_JSON_BYTES)
    except zlib.error:
        return None  # an ordinary picture


def _crop(nibbles: Nibbles) -> Nibbles:
    """Cut off rows and columns around the picture in which all low bits are zero."""
    rows = np.flatnonzero(nibbles.any(axis=(1, 2)))
    columns = np.flatnonzero(nibbles.any(axis=(0, 2)))
    if rows.size == 0:
        return nibbles[:0]
    return nibbles[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _disguise(block: Nibbles) -> Nibbles:
    """Put the disguise on a block, or take it off: the same operation."""
    values = np.empty(block.size, np.uint8)
    state = 0
    for index in range(block.size):
        state = (1664525 * state + 1013904223) % 2**32
        values[index] = state % 255 & NIBBLE
    return block ^ values.reshape(block.shape)
