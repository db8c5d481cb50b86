"""The folder of wildcard files: read for prompts, listed, changed and tried by people."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.prompt.dynamic import Line, draw
from modules.prompt.dynamic_syntax import Marks, parse_line
from modules.service.visitor import require_admin
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

SUFFIXES = (".txt", ".yaml", ".yml")
MOST_FILES = 20_000
MOST_LINES = 200_000
"""Lines of a file, so that a nested YAML file cannot grow without end."""
LARGEST_FILE = 32 * 2**20
"""Bytes."""
NAME = re.compile(r"[^\s_./\\:*?\"<>|\x00-\x1f][^\\:*?\"<>|\x00-\x1f]{0,150}")


class Listed(NamedTuple):
    """A wildcard as lists show it."""

    name: str
    lines: int
    editable: bool
    """Whether it is a text file, which the page can change."""


class WildcardFolder:
    """Wildcards by name: `animals/cats` is the file `animals/cats.txt`, or a list in a YAML file.

    Looks at the folder once; whoever wants to see later changes makes another one. Letter case does
    not matter.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, tuple[str, Path]] | None = None
        self._read: dict[str, tuple[Line, ...]] = {}

    def lines(self, name: str) -> Sequence[Line]:
        """The lines of a wildcard, or of all whose names fit the glob `name`.

        Raises NotFound with the nearest names, InvalidRequest for a file that cannot be read.
        """
        wanted = name.strip().strip("/").lower()
        if "*" not in wanted and "?" not in wanted:
            found = self._lines_of(wanted)
        else:
            fits = re.compile(translate(wanted.replace("**/", "*")))
            names = [one for one in sorted(self._known()) if fits.fullmatch(one)]
            found = tuple(line for one in names for line in self._lines_of(one))
        if not found:
            raise self._missing(name, wanted)
        return found

    def _missing(self, name: str, wanted: str) -> WebUIError:
        if wanted in self._known():
            return InvalidRequest(
                f"The wildcard __{name}__ has no lines.", "Write one possibility on each line."
            )
        return NotFound("wildcard", name, [plain for plain, _ in self._known().values()])

    def names(self) -> list[str]:
        """The names of all wildcards, in order."""
        return sorted(plain for plain, _ in self._known().values())

    def listed(self) -> list[Listed]:
        """All wildcards with how many lines they have; broken files have none."""
        found = []
        for key, (plain, path) in sorted(self._known().items()):
            try:
                count = len(self._lines_of(key))
            except InvalidRequest as error:
                log.warning("%s", error)
                count = 0
            found.append(Listed(plain, count, path.suffix.lower() == ".txt"))
        return found

    def _known(self) -> dict[str, tuple[str, Path]]:
        """Names as they are written, with their files, by their names in small letters."""
        if self._files is None:
            self._files = {}
            for path in self._walk():
                relative = path.relative_to(self.folder).with_suffix("").as_posix()
                if path.suffix.lower() == ".txt":
                    self._files[relative.lower()] = (relative, path)
                    continue
                try:
                    lists = read_yaml(path)
                except InvalidRequest as error:
                    log.warning("%s", error)
                    continue
                for name, lines in lists.items():
                    full = name or relative
                    self._files.setdefault(full.lower(), (full, path))
                    self._read.setdefault(full.lower(), as_lines(full, lines))
        return self._files

    def _walk(self) -> Iterator[Path]:
        """Every file of wildcards; nothing outside of the folder, whatever links say."""
        root, count = self.folder.resolve(), 0
        for place, folders, files in os.walk(root):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            for name in sorted(files):
                path = self.folder / Path(place, name).relative_to(root)
                if path.suffix.lower() not in SUFFIXES or name.startswith("."):
                    continue
                if not path.resolve().is_relative_to(root):
                    continue
                count += 1
                if count > MOST_FILES:
                    log.warning("Only the first %d wildcard files are known", MOST_FILES)
                    return
                yield path

    def _lines_of(self, key: str) -> tuple[Line, ...]:
        if key not in self._known():
            return ()
        if key not in self._read:
            name, path = self._known()[key]
            lines = (line for line in read_file(path).splitlines() if not line.startswith("#"))
            self._read[key] = as_lines(name, lines)
        return self._read[key]

    # What people change

    def text(self, name: str) -> str:
        """A text file as it is. Raises NotFound, InvalidRequest."""
        return read_file(self._text_file(name))

    def keep(self, name: str, text: str) -> str:
        """Write a text file, on disk when this returns; gives its name. Raises InvalidRequest.

        Only administrators may. A name such as `animals/cats` makes folders.
        """
        require_admin("change wildcards")
        if len(text.encode()) > LARGEST_FILE:
            raise InvalidRequest("The wildcard is too large.", "Split it into several.")
        path = self._place(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (text.rstrip("\n") + "\n").encode())
        except OSError as error:
            raise WebUIError(
                f"The wildcard {name} could not be written: {error.strerror or error}.",
                f"Look at the folder {self.folder}.",
            ) from error
        self._files = None
        self._read.clear()
        return path.relative_to(self.folder).with_suffix("").as_posix()

    def delete(self, name: str) -> None:
        """Delete a text file; it is kept beside its place as `.name.txt.bak`. Raises NotFound."""
        require_admin("change wildcards")
        path = self._text_file(name)
        try:
            path.replace(path.with_name(f".{path.name}.bak"))
        except OSError as error:
            raise WebUIError(
                f"The wildcard {name} could not be deleted: {error.strerror or error}."
            ) from error
        self._files = None
        self._read.clear()

    def _text_file(self, name: str) -> Path:
        known = self._known().get(name.strip().strip("/").lower())
        if known is None:
            raise self._missing(name, "")
        if known[1].suffix.lower() != ".txt":
            raise InvalidRequest(
                f"The wildcard {name} is a part of {known[1].name}.", "Change that file by hand."
            )
        return known[1]

    def _place(self, name: str) -> Path:
        """Where a wildcard of that name is to be; never outside of the folder."""
        known = self._known().get(name.strip().strip("/").lower())
        if known is not None:
            return self._text_file(name)
        parts = name.strip().removesuffix(".txt").split("/")
        if not all(NAME.fullmatch(part) and "__" not in part for part in parts) or len(parts) > 8:
            raise InvalidRequest(
                f"{name!r:.80} cannot be the name of a wildcard.",
                "Use letters, digits, - and single _; / makes folders.",
            )
        path = self.folder.joinpath(*parts).with_name(parts[-1] + ".txt")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise InvalidRequest(f"{name!r:.80} leads out of the folder of wildcards.")
        return path


def as_lines(name: str, texts: Iterable[str]) -> tuple[Line, ...]:
    """Lines with their weights; empty ones are left out. Raises InvalidRequest."""
    found = []
    for text in texts:
        if text.strip():
            weight, body = parse_line(text.strip())
            found.append(Line(weight, body, name))
        if len(found) > MOST_LINES:
            raise InvalidRequest(
                f"The wildcard {name} has more than {MOST_LINES:,} lines.", "Split it."
            )
    return tuple(found)


def read_file(path: Path) -> str:
    """A file's text. Raises InvalidRequest."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidRequest(f"The wildcard file {path.name} is too large.", "Split it.")
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InvalidRequest(
            f"The wildcard file {path.name} cannot be read: {error.strerror or error}."
        ) from error


def read_yaml(path: Path) -> dict[str, list[str]]:
    """The lists of a YAML file by their names: keys joined by `/`, "" for the file's own list.

    Raises InvalidRequest for a file that is no YAML or has other things than lists in it.
    """
    try:
        content = yaml.safe_load(read_file(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The wildcard file {path.name} is no YAML: {str(error)[:200]}",
            "It holds names, each with a list of lines below it.",
        ) from error
    found: dict[str, list[str]] = {}
    left = [MOST_LINES]
    _collect(content, "", found, left, path.name)
    return found


def _collect(
    content: Any, name: str, found: dict[str, list[str]], left: list[int], file: str
) -> None:
    left[0] -= 1
    if left[0] < 0 or name.count("/") > 20:
        raise InvalidRequest(f"The wildcard file {file} holds too much.", "Split it.")
    if isinstance(content, dict):
        for key, inner in content.items():
            _collect(inner, f"{name}/{key}".strip("/"), found, left, file)
    elif isinstance(content, list):
        for item in content:
            left[0] -= 1
            if isinstance(item, dict | list):
                _collect(item, name, found, left, file)
            elif item is not None:
                found.setdefault(name, []).append(str(item))
    elif content is not None:
        found.setdefault(name, []).append(str(content))


def tries(folder: WildcardFolder, text: str, *, seed: int, count: int, marks: Marks) -> list[str]:
    """Draw a template `count` times, as pictures from `seed` on would get it. Raises as drawing."""
    return [draw(text, folder.lines, Random(f"{seed + index}"), marks) for index in range(count)]
