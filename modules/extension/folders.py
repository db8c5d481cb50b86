"""Which extensions there are: folders of the program's and of the owner's `extensions`."""

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import WebUIError
from modules.extension.manifest import FILE, Manifest, read_manifest
from modules.paths import Paths

OWN, A1111 = "easel", "a1111"
MARKS = ("scripts", "javascript", "style.css", "install.py", "preload.py", "localizations")
"""What a folder without manifest has if it is an extension for A1111's webui."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One extension on disk; nothing of it has run."""

    path: Path
    kind: str
    """ "easel" or "a1111"."""
    manifest: Manifest
    shipped: bool = False
    """Whether it came with the program."""
    problem: str = ""
    """Why it cannot be used."""

    @property
    def name(self) -> str:
        """What it is called everywhere."""
        return self.manifest.name

    @property
    def package(self) -> str:
        """The Python package that the folder is imported as."""
        return "easel_extension_" + re.sub(r"\W", "_", self.name)


def find_folders(paths: Paths) -> list[Folder]:
    """List all extensions: those of the program first, each part by name.

    A second one of the same name is listed with its problem.
    """
    found: list[Folder] = []
    places = dict.fromkeys((paths.program / "extensions", paths.extensions))
    for place in places:
        shipped = place == paths.program / "extensions"
        for path in _folders_in(place):
            one = look_at(path, shipped=shipped)
            same = next((other for other in found if other.name == one.name), None)
            if same is not None and not one.problem:
                problem = f"Another extension is called {one.name}: {same.path}."
                one = Folder(**{**vars(one), "problem": problem})
            found.append(one)
    return found


def _folders_in(place: Path) -> Iterator[Path]:
    if place.is_dir():
        for path in sorted(place.iterdir(), key=lambda one: one.name.lower()):
            if path.is_dir() and not path.name.startswith((".", "_")):
                yield path


def look_at(path: Path, *, shipped: bool = False) -> Folder:
    """Say what kind of extension a folder is; one that is none has a `problem`."""
    if (path / FILE).is_file():
        try:
            manifest = read_manifest(path)
        except WebUIError as error:
            nameless = Manifest(name=path.name.lower())
            return Folder(
                path=path, kind=OWN, manifest=nameless, shipped=shipped, problem=str(error)
            )
        problem = "" if (path / "extension.py").is_file() else "It has no extension.py."
        return Folder(path=path, kind=OWN, manifest=manifest, shipped=shipped, problem=problem)
    manifest, problem = _foreign_manifest(path)
    if not any((path / mark).exists() for mark in MARKS):
        problem = f"It has no {FILE}, and nothing that A1111's extensions have."
    return Folder(path=path, kind=A1111, manifest=manifest, shipped=shipped, problem=problem)


def _foreign_manifest(path: Path) -> tuple[Manifest, str]:
    """What `metadata.ini` says of an extension for A1111's webui, and what is wrong with it."""
    reader = configparser.ConfigParser(interpolation=None)
    name = path.name.lower()
    try:
        reader.read(path / "metadata.ini", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        return Manifest(name=name), f"metadata.ini cannot be read: {error}"
    words = reader.get("Extension", "Requires", fallback="")
    requires = tuple(one for one in re.split(r"[\s,]+", words.lower()) if one)
    return Manifest(name=name, requires=requires), ""
