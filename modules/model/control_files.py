"""Which networks for units of control there are, listed by name. Needs no torch.

What kind of network a file holds is decided by its content when it is used.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from modules.errors import NotFound
from modules.model.folder import files_below
from modules.model.folder_files import SUFFIXES as FOLDER_SUFFIXES
from modules.model.hashes import legacy_hash

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
FOLDERS = ("controlnet", "t2i_adapter", "ipadapter")
"""Below the folder of all models, beside the one of A1111: ComfyUI's."""
FOLDER_CLASSES = ("ControlNetModel", "ControlNetUnionModel", "T2IAdapter")
"""What folders in the manner of diffusers may be, by their `config.json`."""
NOTHING = ("", "none")


def control_folders(own: Path, models: Path) -> tuple[Path, ...]:
    """Where networks for control are: the `own` folder, and others below that of all `models`."""
    return (own, *(models / name for name in FOLDERS))


def control_files(folders: Sequence[Path]) -> dict[str, Path]:
    """Every network for control by its title, `name [hash]`, sorted as in menus.

    A name is a file's without suffix or, of a folder in the manner of diffusers, the folder's; the
    hash is that of 8 digits, which costs nothing to know.
    """
    found: dict[str, Path] = {}
    for path in _paths(folders):
        name = path.stem if path.is_file() else path.name
        found.setdefault(f"{name} [{legacy_hash(main_file(path))}]", path)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def find_control(folders: Sequence[Path], name: str) -> Path:
    """The network that `name` means: a title, or a name without the hash, in any case.

    A title whose hash is that of no file still finds the only file of its name: files that were
    converted have other hashes. Raises NotFound.
    """
    known = control_files(folders)
    wanted = name.strip().lower()
    bare = without_hash(wanted)
    for title, path in known.items():
        if title.lower() == wanted:
            return path
    for title, path in known.items():
        if without_hash(title.lower()) == bare:
            return path
    raise NotFound("control model", name, known)


def names_nothing(name: str) -> bool:
    """Whether `name` is the menu's entry for no network."""
    return name.strip().lower() in NOTHING


def without_hash(title: str) -> str:
    """A title without the `[hash]` at its end."""
    return re.sub(r"\s*\[[0-9a-f]{8,}\]$", "", title)


def main_file(path: Path) -> Path:
    """The file whose hash names a network: itself, or the first with weights in a folder."""
    if path.is_file():
        return path
    names = sorted(file for file in path.iterdir() if file.name.endswith(FOLDER_SUFFIXES))
    return names[0] if names else path / "config.json"


def _paths(folders: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for root in folders:
        if not root.is_dir() or root.resolve() in seen:
            continue
        seen.add(root.resolve())
        inside = {path.parent for path in files_below(root, (".json",)) if _is_network(path)}
        yield from sorted(inside)
        for path in files_below(root, SUFFIXES):
            if not path.name.startswith(".") and not inside.intersection(path.parents):
                yield path


def _is_network(config: Path) -> bool:
    """Whether a JSON file describes a network for control in its folder."""
    if config.name != "config.json":
        return False
    try:
        fields = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # the folder's files are listed one by one then
    return isinstance(fields, dict) and fields.get("_class_name") in FOLDER_CLASSES
