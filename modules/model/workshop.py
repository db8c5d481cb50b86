"""What can be done to model files: listing, verifying, converting, merging. Needs no torch yet.

Torch is imported only when a file is opened, so that asking for help stays quick.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.errors import ModelError, NotFound
from modules.model.catalogue import Checkpoint, files_of, find, main_file, scan
from modules.model.hashes import FileFacts, file_sha256
from modules.model.header import read_header
from modules.paths import Paths

Progress = Callable[[int, int], None]


@dataclass
class Verdict:
    """What a look at every byte of a model has shown."""

    name: str
    path: str
    size: int
    sha256: str = ""
    family: str = ""
    tensors: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Tensors of each number type."""
    problems: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problems


def listed(paths: Paths) -> list[Checkpoint]:
    """Every checkpoint, with what is known without reading it."""
    return scan(paths.checkpoints, FileFacts(paths.cache / "model-facts.json"))


def located(paths: Paths, name: str) -> Path:
    """The file or folder that `name` means: a path, or a name of a checkpoint. Raises NotFound."""
    path = Path(name).expanduser()
    if path.exists():
        return path.resolve()
    for folder in (paths.vae, paths.checkpoints):
        if (folder / name).exists():
            return folder / name
    try:
        return find(listed(paths), name).path
    except NotFound as error:
        raise NotFound("model", name, error.choices) from error


def verify(path: Path) -> Verdict:
    """Read all of a model: hash, checksums, family, and numbers that are none."""
    import torch

    from modules.model.loader import family_of, open_model

    size = sum(file.stat().st_size for file in files_of(path))
    verdict = Verdict(path.name, str(path), size)
    try:
        check_form(path)
        verdict.sha256 = file_sha256(main_file(path))
        with open_model(path) as weights:
            verdict.tensors = len(weights)
            for name in weights:
                tensor = weights[name]
                kind = str(tensor.dtype).removeprefix("torch.")
                verdict.types[kind] = verdict.types.get(kind, 0) + 1
                if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
                    verdict.problems.append(f"{name} holds NaN or infinity")
            verdict.family = family_of(path, weights).title
    except ModelError as error:
        verdict.problems.append(error.message)
    except OSError as error:
        verdict.problems.append(f"It cannot be read: {error.strerror or error}.")
    return verdict


def check_form(path: Path) -> None:
    """Raise ModelError if a file of the model is incomplete, or a checksum in it is wrong."""
    for file in files_of(path):
        with file.open("rb") as opened:
            is_zip = opened.read(4) == b"PK\x03\x04"
        if is_zip:
            with zipfile.ZipFile(file) as archive:
                wrong = archive.testzip()
            if wrong is not None:
                raise ModelError(f"{file.name} is damaged: {wrong} has another checksum.")
        elif file.suffix.lower() == ".safetensors":
            header = read_header(file)
            if not header.complete:
                have, want = header.actual_bytes / 1e9, header.expected_bytes / 1e9
                raise ModelError(f"{file.name} is incomplete: {have:.3g} of {want:.3g} GB.")


def convert(
    source: Path, target: Path, dtype: str, *, overwrite: bool, progress: Progress
) -> dict[str, Any]:
    """Write a model in another form. Raises InvalidRequest or ModelError."""
    from modules.model.convert import Conversion
    from modules.model.convert import convert as converted

    wish = Conversion(source=source, target=target, dtype=dtype, overwrite=overwrite)
    return {"path": str(target), "tensors": converted(wish, progress)}


def merge(progress: Progress, **wish: Any) -> dict[str, Any]:
    """Merge models; `wish` are the fields of `modules.model.merge.Merge`.

    Raises InvalidRequest or ModelError.
    """
    from modules.model.merge import Merge
    from modules.model.merge import merge as merged

    found = merged(Merge(**wish), progress)
    return {"path": str(found.path), "tensors": found.tensors, "notices": found.notices}
