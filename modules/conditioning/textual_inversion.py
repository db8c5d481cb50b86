"""Textual inversion (Gal et al. 2022, arXiv:2208.01618): words that people taught to CLIP.

Embeddings come as PyTorch files, safetensors, or hidden in pictures. A file that cannot be used is
news, not an error: its name simply stays text.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.conditioning.embedding_image import read_embedding_image
from modules.errors import ModelError
from modules.model.files import read_pickled, read_weights
from modules.model.folder import files_below
from modules.model.pickled import PickledFile, PickledTensor, open_legacy, open_zip
from modules.prompt.chunks import EmbeddingIndex, EmbeddingWord
from modules.prompt.tokenizer import ClipTokenizer

log = logging.getLogger(__name__)

WEIGHT_SUFFIXES = (".pt", ".bin", ".safetensors")
IMAGE_SUFFIXES = (".png", ".webp", ".avif", ".jxl")
CLIP_L, CLIP_G = "clip_l", "clip_g"


@dataclass(frozen=True, eq=False)
class Embedding:
    """One textual inversion."""

    name: str
    parts: Mapping[str, Tensor]
    """Vectors (vectors, dim) in float32 for each text encoder; one alone is called clip_l."""
    sha256: str = ""
    path: Path | None = None
    step: int | None = None
    trained_on: str | None = None
    """Name of the checkpoint it was trained on, where the file tells."""

    @property
    def count(self) -> int:
        """How many tokens it takes in a prompt."""
        return max(len(part) for part in self.parts.values())

    @property
    def shorthash(self) -> str:
        """Twelve digits of the hash, as in infotexts."""
        return self.sha256[:12]

    def fits(self, widths: Mapping[str, int]) -> bool:
        """Whether it has vectors of the right width for exactly the text encoders in `widths`.

        A model with the second encoder only (the SDXL refiner) takes those of both.
        """
        own = {name: part.shape[1] for name, part in self.parts.items()}
        if set(widths) == {CLIP_G}:
            own.pop(CLIP_L, None)
        return own == dict(widths)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The textual inversions that mean something to one model."""

    known: Mapping[str, Embedding] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> tuple[tuple[str, str], ...]:
        """What a cache of encodings must be keyed by: every name and hash."""
        return tuple((name, embedding.sha256) for name, embedding in self.known.items())

    def index(self, tokenizer: ClipTokenizer) -> EmbeddingIndex:
        """Return the look-up of names among tokens."""
        return EmbeddingIndex(
            EmbeddingWord(name, tuple(tokenizer.encode(name)), embedding.count)
            for name, embedding in self.known.items()
        )

    def vectors(self, name: str, part: str = CLIP_L) -> Tensor:
        """The vectors (vectors, dim) of an embedding for one text encoder."""
        return self.known[name].parts[part]

    def fitting(self, widths: Mapping[str, int]) -> "Embeddings":
        """Only those that fit a model's text encoders; `widths` is for example {"clip_l": 768}."""
        return Embeddings({name: it for name, it in self.known.items() if it.fits(widths)})

    def plus(self, bundled: Iterable[Embedding]) -> "Embeddings":
        """With some more, such as those in a LoRA file; a name known already stays as it is."""
        return Embeddings({**{it.name: it for it in bundled}, **self.known})


class EmbeddingFolder:
    """A folder of embeddings; files are read again only when they change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int], Embedding | None, str]] = {}

    def load(self) -> tuple[Embeddings, list[str]]:
        """Read what is new; return all embeddings, and a notice for every file not usable.

        Of two files with the same name the first, by path, counts.
        """
        found: dict[str, Embedding] = {}
        notices: list[str] = []
        files = _embedding_files(self.folder)
        self._read = {path: kept for path, kept in self._read.items() if path in files}
        for path, stamp in files.items():
            if path not in self._read or self._read[path][0] != stamp:
                self._read[path] = (stamp, *_try_to_read(path))
            _, embedding, notice = self._read[path]
            if notice:
                notices.append(notice)
            if embedding is not None:
                found.setdefault(embedding.name, embedding)
        return Embeddings(found), notices


def _embedding_files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file in the folder that may be an embedding, with its size and time of change."""
    files: dict[Path, tuple[int, int]] = {}
    for path in files_below(folder, (*WEIGHT_SUFFIXES, *IMAGE_SUFFIXES)):
        preview = Path(path.stem).suffix.lower() == ".preview"
        if path.suffix.lower() in WEIGHT_SUFFIXES or not preview:
            status = path.stat()
            if status.st_size > 0:
                files[path] = (status.st_size, status.st_mtime_ns)
    return files


def _try_to_read(path: Path) -> tuple[Embedding | None, str]:
    try:
        return read_embedding(path), ""
    except ModelError as error:
        return None, f"Embedding left out: {error.message}"


def read_embedding(path: Path) -> Embedding | None:
    """Read one embedding; None for a picture without one. Raises ModelError for a broken file."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        content = read_embedding_image(path)
        if content is None:
            return None
    else:
        content = _read_content(path)
    parts = _parts(content, path.name)
    step = content.get("step")
    trained_on = content.get("sd_checkpoint_name")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Embedding(
        _name(content, path),
        parts,
        sha256,
        path,
        step if isinstance(step, int) else None,
        trained_on if isinstance(trained_on, str) else None,
    )


def bundled_embeddings(tensors: Mapping[str, Mapping[str, Tensor]]) -> list[Embedding]:
    """Embeddings from the tensors of a network file, by name; unusable ones are left out."""
    found = []
    for name, content in tensors.items():
        try:
            found.append(Embedding(name, _parts(content, name)))
        except ModelError as error:
            log.warning("An embedding in a network file is left out: %s", error.message)
    return found


def _name(content: Mapping[str, Any], path: Path) -> str:
    """A picture names its embedding itself; a file is named by its file name."""
    inside = content.get("name")
    if path.suffix.lower() in IMAGE_SUFFIXES and isinstance(inside, str) and inside:
        return inside
    return path.stem


def _read_content(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.read(9)
    is_table = head[8:] == b"{"  # safetensors, whose length before it may look like a pickle
    if not is_table and (head[:2] == b"PK" or head[:1] == b"\x80"):
        file_content = open_zip(path) if head[:2] == b"PK" else open_legacy(path)
        try:
            return _materialise(file_content)
        finally:
            file_content.close()
    with read_weights(path) as weights:
        return dict(weights)


def _materialise(file: PickledFile) -> dict[str, Any]:
    """The pickled table with its tensors read, those of one nested table included."""

    def value_of(value: Any) -> Any:
        if isinstance(value, PickledTensor):
            return read_pickled(file, value)
        if isinstance(value, dict):
            return {key: value_of(item) for key, item in value.items()}
        return value

    return value_of(file.content) if isinstance(file.content, dict) else {}


def _parts(content: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """Find the vectors in any of the layouts that are in use."""
    learned = content.get("string_to_param")
    if isinstance(learned, Mapping):
        tensors = {key: value for key, value in learned.items() if isinstance(value, Tensor)}
    else:
        tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if CLIP_L in tensors and CLIP_G in tensors:
        tensors = {CLIP_L: tensors[CLIP_L], CLIP_G: tensors[CLIP_G]}
    elif len(tensors) == 1:
        tensors = {CLIP_L: next(iter(tensors.values()))}
    else:
        raise ModelError(
            f"{name} is not an embedding: it has {len(tensors)} tensors, not one.",
            "Is it a LoRA or a checkpoint in the wrong folder?",
        )
    return {key: _as_vectors(value, name) for key, value in tensors.items()}


def _as_vectors(tensor: Tensor, name: str) -> Tensor:
    tensor = tensor.detach().to("cpu", torch.float32)
    if tensor.dim() == 1:
        tensor = tensor[None]
    if tensor.dim() != 2 or tensor.numel() == 0:
        raise ModelError(f"{name} is not an embedding: its tensor has shape {list(tensor.shape)}.")
    return tensor
