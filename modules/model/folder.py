"""Files below a folder of models, quickly: people have many thousands. Needs no torch."""

import os
from collections.abc import Sequence
from pathlib import Path


def files_below(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """Every file with one of these endings (lower case, with the dot), links followed, in order."""
    found: list[str] = []
    seen: set[str] = set()
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in seen or not os.path.isdir(real):
            continue  # a link back up, or one that leads nowhere
        seen.add(real)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in suffixes and entry.is_file():
                    found.append(entry.path)
    return [Path(path) for path in sorted(found, key=lambda path: path.split(os.sep))]
