"""Model files on the disk, for the model browser: where they are, what they say of themselves."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.errors import ModelError
from modules.model.catalogue import ends_like_zip, incomplete
from modules.model.patch.look import look_at
from modules.model.patch.report import base_in, base_of_checkpoint
from modules.paths import Paths
from modules.service.sidecars import preview_beside, read_notes, texts_beside

INSIDE = "inside"
"""Stands for a preview that is in the file's own metadata."""
THUMBNAIL = "modelspec.thumbnail"


@dataclass(frozen=True)
class ModelKind:
    """A kind of model that has cards."""

    title: str
    suffixes: tuple[str, ...]
    preview_ending: str = ""
    """Goes before the suffix of a preview that is written."""


KINDS: dict[str, ModelKind] = {
    "lora": ModelKind("Lora", (".safetensors", ".pt", ".ckpt", ".bin")),
    "textual_inversion": ModelKind("embedding", (".pt", ".bin", ".safetensors"), ".preview"),
    "hypernetworks": ModelKind("hypernetwork", (".pt", ".ckpt"), ".preview"),
    "checkpoints": ModelKind("checkpoint", (".safetensors", ".ckpt")),
    "vae": ModelKind("VAE", (".safetensors", ".pt", ".ckpt")),
}
"""Kinds by the names that A1111 gives their tabs."""


def folders_of_models(paths: Paths) -> dict[str, list[Path]]:
    """Return where the files of each kind are."""
    return {
        "lora": [paths.lora],
        "textual_inversion": [paths.embeddings],
        "hypernetworks": [paths.hypernetworks],
        "checkpoints": [paths.checkpoints],
        "vae": [paths.vae],
    }


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A model file with what its folder tells."""

    kind: str
    root: str
    folder: str
    name: str
    is_folder: bool
    info: os.stat_result
    preview: str
    stamp: str
    """Changes when the file, its notes or its picture do."""

    @property
    def below(self) -> str:
        """Its place below the root."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def id(self) -> str:
        """Sixteen digits that stand for the file without saying where it is."""
        text = f"{self.kind}\0{self.root}\0{self.below}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def row(self) -> dict[str, Any]:
        """The beginning of a row of the cards' table."""
        path = os.path.join(self.root, self.below)
        stem = self.name if self.is_folder else os.path.splitext(self.name)[0]
        return {
            "id": self.id,
            "kind": self.kind,
            "path": path,
            "name": stem,
            "folder": self.folder,
            "size": _size(Path(path)) if self.is_folder else self.info.st_size,
            "created": getattr(self.info, "st_birthtime", self.info.st_ctime),
            "modified": self.info.st_mtime,
            "preview": self.preview,
            "stamp": self.stamp,
            "sort_name": natural(stem),
            "sort_path": f"{natural(self.folder)}\x01{natural(self.name)}",
            "words": self.below.lower(),
            "hidden": any(part.startswith(".") for part in self.folder.split("/")),
        }


def find_files(kind: str, root: Path) -> Iterator[FoundFile]:
    """Every file of a kind below `root`, links followed; a diffusers folder counts as one."""
    seen: set[str] = set()
    folders = [""]
    while folders:
        folder = folders.pop()
        place = root / folder
        real = os.path.realpath(place)
        if real in seen or not os.path.isdir(real):
            continue  # a link back up, or one that leads nowhere
        seen.add(real)
        with os.scandir(place) as listing:
            entries = {entry.name: entry for entry in listing}
        if kind == "checkpoints" and folder and "model_index.json" in entries:
            continue  # listed by the folder above
        for name, entry in entries.items():
            below = f"{folder}/{name}" if folder else name
            if entry.is_dir():
                folders.append(below)
                if kind == "checkpoints" and os.path.isfile(place / name / "model_index.json"):
                    yield _found(kind, root, folder, entry, entries)
            elif _belongs(kind, name) and entry.is_file():
                yield _found(kind, root, folder, entry, entries)


def _belongs(kind: str, name: str) -> bool:
    stem, suffix = os.path.splitext(name.lower())
    if name.startswith(".") or suffix not in KINDS[kind].suffixes:
        return False
    return kind != "checkpoints" or not stem.endswith(".vae")


def _found(
    kind: str,
    root: Path,
    folder: str,
    entry: os.DirEntry[str],
    entries: Mapping[str, os.DirEntry[str]],
) -> FoundFile:
    is_folder = entry.is_dir()
    stem = entry.name if is_folder else os.path.splitext(entry.name)[0]
    preview, info = preview_beside(stem, entries), entry.stat()
    names = [*texts_beside(stem, entries), *([preview] if preview else [])]
    beside = "-".join(str(_time_of(entries[name])) for name in names)
    stamp = f"{info.st_size}-{info.st_mtime_ns}-{preview}-{beside}"
    return FoundFile(kind, str(root), folder, entry.name, is_folder, info, preview, stamp)


def _time_of(entry: os.DirEntry[str]) -> int:
    """When a file was changed; 0 for a link that leads nowhere."""
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def natural(text: str) -> str:
    """A text that sorts as people count: v9 before v10."""
    return re.sub(r"\d+", lambda found: found[0].zfill(12), text.lower())


def describe(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a row lacks: from the beginning of its file, and from the notes beside it."""
    path = Path(row["path"])
    facts: dict[str, Any] = {"alias": "", "base": "", "hash": "", "note": ""}
    metadata: Mapping[str, str] = {}
    if path.is_file():
        try:
            metadata = _look(kind, path, facts)
        except ModelError as error:
            facts["note"] = error.message
        except OSError as error:
            facts["note"] = f"cannot be read: {error.strerror or error}"
    notes = read_notes(path)
    facts["base"] = notes.base or facts["base"]
    facts["description"] = notes.description or metadata.get("modelspec.description", "")[:2000]
    facts["activation"] = notes.activation or metadata.get("modelspec.trigger_phrase", "")
    facts["negative"], facts["weight"] = notes.negative, notes.weight
    if not row["preview"] and metadata.get(THUMBNAIL, "").startswith("data:image/"):
        facts["preview"] = INSIDE
    said = (row["words"], facts["alias"], facts["hash"], facts["description"], facts["activation"])
    facts["words"] = "\n".join((*said, notes.notes)).lower()
    return facts


def _look(kind: str, path: Path, facts: dict[str, Any]) -> Mapping[str, str]:
    """Fill in what the file itself says; returns its metadata."""
    if kind in ("checkpoints", "vae") and path.suffix.lower() != ".safetensors":
        facts["note"] = "" if ends_like_zip(path) else "incomplete or damaged"
        return {}
    if kind == "hypernetworks":
        return {}
    look = look_at(path)
    if look.header is not None and not look.header.complete:
        facts["note"] = incomplete(look.header)
    if kind == "lora":
        alias = look.metadata.get("ss_output_name", "")
        facts["alias"] = "" if alias.lower() in ("none", "addams", path.stem.lower()) else alias
        facts["base"] = look.base
        facts["hash"] = look.metadata.get("sshs_model_hash", "")[:12]
        if not facts["note"] and not look.keys.layers and not look.keys.bundled:
            facts["note"] = "has no layers of an extra network"
    elif kind == "checkpoints":
        facts["base"] = base_of_checkpoint(look.shapes)
    else:
        facts["base"] = base_in(look.metadata) or _width(look.shapes)
    return look.metadata


def _width(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The family of an embedding, by the width of its vectors."""
    if {"clip_l", "clip_g"} <= set(shapes):
        return "SDXL"
    widths = {shape[-1] for shape in shapes.values() if shape}
    return {768: "SD1", 1024: "SD2"}.get(widths.pop(), "") if len(widths) == 1 else ""
