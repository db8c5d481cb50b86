"""Where the files of preprocessors' networks are."""

from collections.abc import Sequence
from pathlib import Path

FOLDERS = ("ControlNetPreprocessor", "annotators")
"""Below the folder of all models."""


def annotator_folders(models: Sequence[Path], given: Path | None = None) -> tuple[Path, ...]:
    """The folders to look in; one that was given goes first."""
    usual = [folder / name for folder in models for name in FOLDERS]
    return (given, *usual) if given is not None else tuple(usual)


def annotator_file(name: str, folders: Sequence[Path]) -> Path | None:
    """The file called `name` in the folders or anywhere below them, whatever its case."""
    wanted = name.lower()
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*")):
            if path.name.lower() == wanted and path.is_file():
                return path
    return None
