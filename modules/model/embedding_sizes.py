"""How many vectors the textual inversions in a folder have, from their headers; without torch."""

from pathlib import Path
from typing import Any

from modules.errors import ModelError
from modules.model.folder import files_below
from modules.model.hashes import FileFacts
from modules.model.header import read_header
from modules.model.pickled import PickledTensor, open_legacy, open_zip

SUFFIXES = (".pt", ".bin", ".safetensors")
FACT = "vectors"
"""What a file's number of vectors is remembered as."""
NESTED = "string_to_param"
"""Where A1111's own files keep the table of tensors."""


def embedding_sizes(folder: Path, facts: FileFacts | None = None) -> dict[str, int]:
    """Vectors of every embedding below `folder`, by the name that means it in prompts.

    Of two files with the same name the first, by path, counts; unreadable ones are left out. With
    `facts` every file is read once, as long as it stays the same.
    """
    sizes: dict[str, int] = {}
    learnt: dict[Path, dict[str, Any]] = {}
    for path in files_below(folder, SUFFIXES):
        try:
            known = facts.known(path, FACT) if facts else None
            count = vectors_in(path) if known is None else known
        except ModelError:
            count = 0
        except OSError:
            continue
        if known is None:
            learnt[path] = {FACT: count}
        if count:
            sizes.setdefault(path.stem, count)
    if facts and learnt:
        facts.learn(learnt)
    return sizes


def vectors_in(path: Path) -> int:
    """Number of vectors in one file; 0 if it is no embedding. Raises ModelError, OSError."""
    if path.suffix.lower() not in SUFFIXES:
        return 0
    with path.open("rb") as file:
        head = file.read(9)
    shapes = read_header(path).shapes if head[8:] == b"{" else _pickled_shapes(path, head)
    if len(shapes) == 2 and set(shapes) == {"clip_l", "clip_g"}:
        return max(_vectors(shape) for shape in shapes.values())
    return _vectors(next(iter(shapes.values()))) if len(shapes) == 1 else 0


def _vectors(shape: tuple[int, ...]) -> int:
    """One row a vector; a lone vector may lack the axis."""
    return {1: 1, 2: shape[0]}.get(len(shape), 0) if shape else 0


def _pickled_shapes(path: Path, head: bytes) -> dict[str, tuple[int, ...]]:
    opened = open_zip(path) if head[:2] == b"PK" else open_legacy(path)
    try:
        table: Any = opened.content
        if isinstance(table, dict) and isinstance(table.get(NESTED), dict):
            table = table[NESTED]
        if not isinstance(table, dict):
            return {}
        return {
            str(key): tuple(value.shape)
            for key, value in table.items()
            if isinstance(value, PickledTensor)
        }
    finally:
        opened.close()
