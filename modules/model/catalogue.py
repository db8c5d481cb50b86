"""Lists checkpoints and finds them by name, from headers and remembered hashes. Needs no torch."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modules.errors import ModelError, NotFound
from modules.model.facts import read_facts
from modules.model.families.flux import FLUX, UNGUIDED
from modules.model.families.record import Family
from modules.model.family import FAMILIES, detect_family
from modules.model.gguf_header import read_tables
from modules.model.hashes import FileFacts, legacy_hash
from modules.model.header import Header, read_header

SUFFIXES = (".safetensors", ".ckpt", ".gguf")
TEXT_FOLDERS = ("text_encoder", "text_encoder_2", "text_encoder_3", "bert")
DEFAULT_SIZE = (512, 512)
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
READS = {9: "mask", 8: "picture", 5: "depth"}
"""What a U-Net's further input channels are, by the number of all."""
HEADER = "header-4"
"""What is remembered of a file; another name when more is."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One model that may be chosen."""

    name: str
    """Path below the folder of checkpoints, with suffix."""
    path: Path
    size: int
    """Bytes."""
    sha256: str = ""
    """64 digits; empty while it is not known."""
    native_size: tuple[int, int] = DEFAULT_SIZE
    """Width and height in pixels it was trained at."""
    examples: tuple[str, ...] = ()
    """Prompts it is known to draw well."""
    usual: tuple[tuple[str, float | str], ...] = ()
    """What to begin with, by paths of a request, where that is special."""
    family: str = ""
    """The name of its family's record, where the file's beginning tells."""
    reads: str = ""
    """What its network is told of a picture besides: "mask", "picture", "depth", or nothing."""
    note: str = ""
    """Why it cannot be used; empty when nothing is known against it."""

    @property
    def title(self) -> str:
        """`name [hash]`, or only the name while the hash is not known."""
        return f"{self.name} [{self.short_hash}]" if self.sha256 else self.name

    @property
    def short_hash(self) -> str:
        """First ten digits of the SHA-256."""
        return self.sha256[:10]

    @property
    def stem(self) -> str:
        """File name without suffix."""
        return self.path.name if self.path.is_dir() else self.path.stem

    @property
    def short_title(self) -> str:
        """`stem [hash]`."""
        return f"{self.stem} [{self.short_hash}]" if self.sha256 else self.stem

    @property
    def model_name(self) -> str:
        """The name without suffix, folders joined by underscores."""
        return re.sub(r"[/\\]", "_", self.name.removesuffix(self.path.suffix))


def scan(folders: Sequence[Path] | Path, facts: FileFacts) -> list[Checkpoint]:
    """Every checkpoint below `folders`, in natural order. Never computes a hash.

    Files that cannot be used are listed too, with a note that says why.
    """
    roots = [folders] if isinstance(folders, Path) else folders
    found: list[Checkpoint] = []
    learnt: dict[Path, dict[str, Any]] = {}
    for root in roots:
        for path in model_paths(root):
            weights = main_file(path)
            try:
                known = facts.known(weights, HEADER)
                if known is None:
                    known = learnt.setdefault(weights, {HEADER: inspect(path)})[HEADER]
                size = sum(file.stat().st_size for file in files_of(path))
                sha256 = facts.known(weights, "sha256")
            except OSError as error:
                known = {"note": f"cannot be read: {error.strerror or error}"}
                size, sha256 = 0, None
            name = path.relative_to(root).as_posix()
            found.append(checkpoint_from(name, path, size, sha256, known))
    if learnt:
        facts.learn(learnt)
    return found


def checkpoint_from(
    name: str, path: Path, size: int, sha256: Any, known: dict[str, Any]
) -> Checkpoint:
    """A checkpoint from remembered facts."""
    width, height = known.get("native_size") or DEFAULT_SIZE
    return Checkpoint(
        name=name,
        path=path,
        size=size,
        sha256=sha256 if isinstance(sha256, str) else "",
        native_size=(width, height),
        examples=tuple(known.get("examples") or ()),
        family=known.get("family") or "",
        reads=known.get("reads") or "",
        usual=tuple((path, value) for path, value in known.get("usual") or ()),
        note=known.get("note") or "",
    )


def with_hash(checkpoint: Checkpoint, facts: FileFacts) -> Checkpoint:
    """The same checkpoint, its hash computed if need be (about 2 s a GB, once)."""
    return replace(checkpoint, sha256=facts.sha256(main_file(checkpoint.path)))


def find(checkpoints: Iterable[Checkpoint], name: str) -> Checkpoint:
    """The checkpoint that `name` means: a title, a name, a hash, or part of a title.

    The rules are those of infotexts: an exact match with any alias, else the shortest title that
    contains the text, else the same without a `[hash]` at its end. Raises NotFound.
    """
    known = list(checkpoints)
    wanted = name.strip()
    exact = [one for one in known if wanted and wanted in aliases(one)]
    if exact:
        return exact[-1]
    if re.fullmatch(r"[0-9a-f]{8}|.*\[[0-9a-f]{8}\]", wanted):
        old = [one for one in known if one.path.is_file() and wanted in legacy_aliases(one)]
        if old:
            return old[-1]
    for text in (wanted, re.sub(r"\s*\[[^\]]*\]$", "", wanted)):
        within = [one for one in known if text and text in one.title]
        if within:
            return min(within, key=lambda one: len(one.title))
    raise NotFound("model", name, [one.title for one in known])


def aliases(checkpoint: Checkpoint) -> set[str]:
    """Every exact name of a checkpoint that costs nothing to know."""
    one = checkpoint
    names = {one.title, one.name, one.stem, one.model_name, one.short_title, str(one.path)}
    return names | ({one.sha256, one.short_hash} if one.sha256 else set())


def legacy_aliases(checkpoint: Checkpoint) -> set[str]:
    """Names with the hash of 2022, which has to be read from the file."""
    digest = legacy_hash(checkpoint.path)
    return {digest, f"{checkpoint.name} [{digest}]"}


def model_paths(root: Path) -> list[Path]:
    """Checkpoint files and diffusers folders below `root`, links followed, in natural order."""
    found: list[Path] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back up
            folders.clear()
            continue
        seen.add(real)
        if "model_index.json" in files and Path(folder) != root:
            found.append(Path(folder))
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(Path(folder, name) for name in files if is_checkpoint(name))
    return sorted(found, key=lambda path: (natural(str(path.parent)), natural(path.name)))


def is_checkpoint(name: str) -> bool:
    """Whether a file of that name is listed; `.vae.` files belong to another list."""
    stem, suffix = os.path.splitext(name.lower())
    return suffix in SUFFIXES and not stem.endswith(".vae") and not name.startswith(".")


def natural(text: str) -> list[tuple[int, int | str]]:
    """A sort key by which `v10` comes after `v9`."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def files_of(path: Path) -> Iterator[Path]:
    """The files of a checkpoint: itself, or the weights in its folder."""
    if path.is_file():
        yield path
        return
    for part in ("unet", "transformer", "vae", "vqvae", *TEXT_FOLDERS):
        yield from sorted((path / part).glob("*.safetensors"))
        yield from sorted((path / part).glob("*.bin"))


def main_file(path: Path) -> Path:
    """The file whose hash names a checkpoint: itself, or a folder's U-Net."""
    return path if path.is_file() else next(files_of(path), path / "model_index.json")


def inspect(path: Path) -> dict[str, Any]:
    """What the beginning of a file says: native size, examples, and what speaks against it."""
    if path.suffix.lower() == ".gguf":
        return inspect_gguf(path)
    if path.is_dir() or path.suffix.lower() != ".safetensors":
        note = "" if path.is_dir() or ends_like_zip(path) else "incomplete or damaged"
        return {"note": note}
    try:
        header = read_header(path)
        if not header.complete:
            return {"note": incomplete(header)}
        family = detect_family(header.shapes, path.name)
        facts = read_facts(header.metadata, path.name)
    except ModelError as error:
        return {"note": error.message}
    return {
        "native_size": facts.native_size or FAMILIES[family.name].native_size,
        "examples": facts.examples,
        "usual": usual_values(family, header.shapes),
        "family": family.name,
        "reads": READS.get(header.shapes.get(FIRST_LAYER, (0, 0))[1], ""),
    }


def inspect_gguf(path: Path) -> dict[str, Any]:
    """The same for a GGUF file."""
    try:
        with path.open("rb") as file:
            _, tensors = read_tables(file, path.name)
        shapes = {name: info.shape for name, info in tensors.items()}
        family = detect_family(shapes, path.name)
    except ModelError as error:
        return {"note": error.message}
    usual = usual_values(family, shapes)
    return {"native_size": family.native_size, "usual": usual, "family": family.name}


def usual_values(
    family: Family, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[tuple[str, float | str], ...]:
    """What to begin with; FLUX.1 files tell by a layer whether they were taught to be guided."""
    guided = any(name.endswith("guidance_in.in_layer.weight") for name in shapes)
    return UNGUIDED if family.name == FLUX.name and not guided else family.usual


def incomplete(header: Header) -> str:
    """How much of a file is there."""
    sizes = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
    unit, letter = next((size for size in sizes if header.expected_bytes >= size[0]), sizes[-1])
    have, want = header.actual_bytes / unit, header.expected_bytes / unit
    return f"incomplete: {have:.1f} of {want:.1f} {letter}"


def ends_like_zip(path: Path) -> bool:
    """Whether a zip file has its index at the end; other files are taken as they are."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return True
        file.seek(0, os.SEEK_END)
        file.seek(-min(file.tell(), 65_557), os.SEEK_END)
        return b"PK\x05\x06" in file.read()
