"""Lists of words in the format of the tagcomplete extension, searched as fast as one types.

A line is `name,kind,count,"other name,another"`; what is missing is empty. All names lie in one
long text, the most used first, so that a search is a look through that text and its first finds are
the best ones.
"""

import csv
import logging
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

MOST_TAGS = 2_000_000
"""Lines that are read of all files together."""
LONGEST_NAME = 200
MOST_MISSED = 10_000


class Tag(NamedTuple):
    """A word with what its list says of it."""

    name: str
    kind: str = ""
    """A number whose meaning is the list's own; for Danbooru 0 general, 1 artist, 4 character."""
    uses: int = 0
    note: str = ""
    """What stands in place of a count."""
    aliases: tuple[str, ...] = ()


class Hit(NamedTuple):
    """A tag that was found, and by which of its names."""

    tag: Tag
    alias: str = ""


class TagIndex:
    """Searches tags by the beginnings of their names, then by what is inside of them."""

    def __init__(self, tags: Iterable[Tag]) -> None:
        self._tags = sorted(tags, key=lambda tag: -tag.uses)
        lines, self._owners = list[bytes](), list[tuple[int, str]]()
        for number, tag in enumerate(self._tags):
            for name in (tag.name, *tag.aliases):
                lines.append(plain(name).encode("utf-8", "replace"))
                self._owners.append((number, "" if name is tag.name else name))
        self._text = b"\n" + b"\n".join(lines) + b"\n"
        self._starts, at = list[int](), 1
        for line in lines:
            self._starts.append(at)
            at += len(line) + 1
        self._missed = set[bytes]()
        """What is nowhere; nothing longer that begins with it can be."""

    def __len__(self) -> int:
        return len(self._tags)

    def search(self, text: str, limit: int) -> list[Hit]:
        """The best `limit` tags for what was typed."""
        wanted = plain(text).strip("_").encode("utf-8", "replace")
        if not wanted or self._is_nowhere(wanted):
            return []
        found: dict[int, Hit] = {}
        for pattern in (b"\n" + wanted, b"_" + wanted, wanted):
            for line in self._lines_with(pattern):
                number, alias = self._owners[line]
                found.setdefault(number, Hit(self._tags[number], alias))
                if len(found) >= limit:
                    return list(found.values())
        return list(found.values())

    def _is_nowhere(self, wanted: bytes) -> bool:
        if any(wanted[:end] in self._missed for end in range(1, len(wanted) + 1)):
            return True
        if wanted in self._text:
            return False
        if len(self._missed) >= MOST_MISSED:
            self._missed.clear()
        self._missed.add(wanted)
        return True

    def _lines_with(self, pattern: bytes) -> Iterator[int]:
        at = self._text.find(pattern)
        while at >= 0:
            line = bisect_right(self._starts, at + 1) - 1
            yield line
            if line + 1 == len(self._starts):
                return
            at = self._text.find(pattern, self._starts[line + 1] - 1)


def plain(name: str) -> str:
    """A name as it is searched: small letters, underscores for spaces."""
    return name.lower().replace(" ", "_").replace("\n", "_")


def read_tags(path: Path) -> Iterator[Tag]:
    """The tags of a file; a line that makes no sense is left out. Raises OSError."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            for row in csv.reader(file):
                name = row[0].strip() if row else ""
                if not name or len(name) > LONGEST_NAME:
                    continue
                kind, count, aliases = ([*row[1:4], "", "", ""])[:3]
                number = int(count) if count.isdecimal() and len(count) < 16 else 0
                others = tuple(one.strip() for one in aliases.split(",") if one.strip())
                yield Tag(name, kind.strip(), number, "" if number else count.strip(), others)
        except csv.Error as error:
            log.warning("The rest of %s is left out: %s", path.name, error)


class TagShelf:
    """The index of all lists in a folder; read when first asked, and again when they changed."""

    def __init__(self, folder: Path, built_in: Path) -> None:
        """`built_in` is the folder of lists that count where `folder` has none."""
        self._folder, self._built_in = folder, built_in
        self._stamp: tuple[tuple[str, float, int], ...] | None = None
        self._index = TagIndex(())

    def index(self) -> TagIndex:
        """The index as the files are now."""
        files = lists_in(self._folder) or lists_in(self._built_in)
        stamp = tuple((one.path, one.stat().st_mtime, one.stat().st_size) for one in files)
        if stamp != self._stamp:
            tags = dict[str, Tag]()
            for one in files:
                try:
                    for tag in read_tags(Path(one.path)):
                        tags.setdefault(tag.name, tag)
                        if len(tags) >= MOST_TAGS:
                            break
                except OSError as error:
                    log.warning("The list of words %s cannot be read: %s", one.name, error)
            self._index, self._stamp = TagIndex(tags.values()), stamp
        return self._index


def lists_in(folder: Path) -> list[os.DirEntry[str]]:
    """The lists in a folder, by name; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            found = [one for one in entries if one.name.lower().endswith(".csv") and one.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda one: one.name)
