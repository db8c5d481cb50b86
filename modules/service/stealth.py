"""Texts hidden in a picture's pixels, as NovelAI and some others write them ("stealth PNG info").

The lowest bits, column by column from the left, spell a signature of fifteen letters, the length of
what follows in bits (32 bits), and that text, perhaps compressed. They are the bits of the alpha
channel, or of red, green and blue of every pixel in turn.
"""

import gzip
import io
import json
import zlib

import numpy as np
from PIL import Image

ALPHA = {b"stealth_pnginfo": False, b"stealth_pngcomp": True}
COLOURS = {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True}
"""Signatures, and whether the text is compressed."""
HEAD = 15 + 4
LONGEST_TEXT = 16 * 2**20
"""Bytes of unpacked text; more is no recipe."""


def read_stealth(picture: Image.Image) -> dict[str, str]:
    """Return the hidden texts by key; a bare recipe has the key "parameters". Decodes pixels."""
    if picture.mode == "RGBA":
        hidden = _hidden(np.asarray(picture)[:, :, 3:], ALPHA)
        if hidden:
            return hidden
    if picture.mode in ("RGB", "RGBA"):
        return _hidden(np.asarray(picture)[:, :, :3], COLOURS)
    return {}


def _hidden(values: np.ndarray, signatures: dict[bytes, bool]) -> dict[str, str]:
    """`values` is (height, width, channels), uint8."""
    per_column = values.shape[0] * values.shape[2]
    columns = values.transpose(1, 0, 2)  # (width, height, channels)
    first = columns[: -(-HEAD * 8 // max(per_column, 1))]
    head = np.packbits(first.reshape(-1) & 1).tobytes()[:HEAD]
    packed = signatures.get(head[:15])
    if packed is None or len(head) < HEAD:
        return {}
    bits = int.from_bytes(head[15:], "big")
    if bits > columns.size - HEAD * 8:
        return {}
    body = np.packbits(columns.reshape(-1)[HEAD * 8 : HEAD * 8 + bits] & 1).tobytes()
    return _texts(_unpacked(body) if packed else body)


def _unpacked(body: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(body)) as file:
            return file.read(LONGEST_TEXT)
    except (OSError, EOFError, zlib.error):
        return b""


def _texts(body: bytes) -> dict[str, str]:
    """NovelAI writes a table of its usual texts as JSON; others write the recipe itself."""
    text = body.decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        return {"parameters": text} if text else {}
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return {"parameters": text}
    if not isinstance(table, dict):
        return {"parameters": text}
    return {str(key): value for key, value in table.items() if isinstance(value, str)}
