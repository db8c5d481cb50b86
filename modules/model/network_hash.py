"""The hash by which recipes know a network file. Needs no torch."""

import hashlib
from pathlib import Path

from modules.errors import ModelError
from modules.model.header import read_header

DIGITS = 12


def named_hash(path: Path) -> str:
    """What the file itself names as its hash, from its header alone; "" if it names none."""
    if path.suffix.lower() != ".safetensors":
        return ""
    try:
        return read_header(path).metadata.get("sshs_model_hash", "")[:DIGITS].lower()
    except (ModelError, OSError):
        return ""


def tensor_hash(path: Path) -> str:
    """The first digits of the SHA-256 of the tensors: the file without a safetensors header."""
    with path.open("rb") as file:
        if path.suffix.lower() == ".safetensors":
            file.seek(8 + int.from_bytes(file.read(8), "little"))
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
