"""Where the files of preprocessors' networks are."""

from collections.abc import Sequence
from pathlib import Path

from modules.errors import ModelError


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


def missing_file(name: str) -> ModelError:
    """What to say about a file that is not here."""
    return ModelError(
        f"This preprocessor needs the file {name}, which is not here.",
        "Put it into models/ControlNetPreprocessor; nothing is downloaded by itself.",
    )
