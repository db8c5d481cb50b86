"""Everything people do with pictures they have: search, rate, tag, throw away, compare."""

import contextlib
import logging
import os
import shutil
import sqlite3
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.paths import Paths
from modules.schema.infotext_parse import parse_infotext
from modules.service.database import Database, Statement
from modules.service.facts import BEST, SEPARATOR, describing, forgetting
from modules.service.inputs import InputStore
from modules.service.picture import Picture, picture_of
from modules.service.search import Search, expression

log = logging.getLogger(__name__)

LONGEST_TAG = 60
MOST_AT_ONCE = 10_000
"""Pictures one order may be about."""
CHUNK = 500
"""Ids in one statement; SQLite has a limit."""
GROUPS = ("model", "sampler", "loras", "tags")


@dataclass(frozen=True)
class Difference:
    """One setting that two pictures do not share; empty where one of them lacks it."""

    key: str
    one: str
    other: str


class Collection:
    """The pictures of the gallery as people look at them. Thread-safe."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self._database = database
        self._inputs = InputStore(database, paths.inputs)
        self._trash = paths.outputs / ".trash"

    def search(
        self, search: Search, *, limit: int = 50, after: str = "", skip: int = 0
    ) -> list[Picture]:
        """List pictures, newest first; go on behind the picture with the id `after`.

        `skip` jumps over so many more. Raises NotFound if nobody knows `after`.
        """
        latest = search.latest
        if after:
            latest = min(latest, self._row(after)["moment"])
        words = expression(search)
        edges = (search.earliest, latest)
        if not words:
            rows = self._database.search(
                "SELECT * FROM images WHERE saved AND trashed IS NULL AND moment >= ?"
                " AND moment < ? ORDER BY moment DESC LIMIT ? OFFSET ?",
                (*edges, limit, skip),
            )
            return [picture_of(row) for row in rows]
        found = self._database.search(
            "SELECT rowid FROM image_words WHERE image_words MATCH ? AND rowid >= ? AND rowid < ?"
            " ORDER BY rowid DESC LIMIT ? OFFSET ?",
            (words, *edges, limit, skip),
        )
        rows = self._database.search(
            f"SELECT * FROM images WHERE moment IN ({_marks(found)}) AND saved"
            " AND trashed IS NULL ORDER BY moment DESC",
            [row["rowid"] for row in found],
        )
        return [picture_of(row) for row in rows]

    def count(self, search: Search) -> int:
        """Return how many pictures a search finds."""
        words = expression(search)
        edges = (search.earliest, search.latest)
        if words:
            sql = (
                "SELECT count(*) FROM image_words"
                " WHERE image_words MATCH ? AND rowid >= ? AND rowid < ?"
            )
            return int(self._database.search(sql, (words, *edges))[0][0])
        sql = (
            "SELECT count(*) FROM images WHERE saved AND trashed IS NULL"
            " AND moment >= ? AND moment < ?"
        )
        return int(self._database.search(sql, edges)[0][0])

    def choices(self, person: str | None = None) -> dict[str, list[tuple[str, int]]]:
        """List models, samplers, networks and tags with how many pictures have them."""
        columns = ", ".join(GROUPS)
        rows = self._database.search(  # in the order of an index that has all it needs
            f"SELECT {columns}, count(*) AS number FROM images WHERE saved AND trashed IS NULL"
            f" AND person = ifnull(?, person) GROUP BY person, {columns}",
            (person,),
        )
        counts = {group: Counter[str]() for group in GROUPS}
        for row in rows:
            for group in GROUPS:
                for name in filter(None, row[group].split(SEPARATOR)):
                    counts[group][name] += row["number"]
        return {
            group: sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
            for group, counted in counts.items()
        }

    def mark(
        self,
        ids: Sequence[str],
        *,
        rating: int | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> int:
        """Give pictures stars and tags; returns how many there were. Raises InvalidRequest."""
        if rating is not None and not 0 <= rating <= BEST:
            raise InvalidRequest(f"A rating is 0 to {BEST} stars, not {rating}.")
        added, removed = _tags(add), {tag.lower() for tag in _tags(remove)}
        statements: list[Statement] = []
        rows = self._rows(ids)
        for row in rows:
            tags = [tag for tag in row["tags"].split(SEPARATOR) if tag]
            kept = [tag for tag in tags if tag.lower() not in removed]
            known = {tag.lower() for tag in kept}
            kept += [tag for tag in added if tag.lower() not in known]
            stars = row["rating"] if rating is None else rating
            changed = {**dict(row), "tags": SEPARATOR.join(kept), "rating": stars}
            update = "UPDATE images SET tags = ?, rating = ? WHERE id = ?"
            statements.append((update, (changed["tags"], stars, row["id"])))
            statements += describing(changed)
        self._database.write(*statements)
        return len(rows)

    def throw_away(self, ids: Sequence[str]) -> int:
        """Move pictures into `outputs/.trash`; returns how many. Raises WebUIError."""
        count = 0
        for row in self._rows(ids):
            if row["trashed"] is not None:
                continue
            path = Path(row["path"])
            target = self._trash / row["id"] / path.name
            try:
                _move(path, target)
            except FileNotFoundError:
                target = path  # somebody deleted it already; only the row is put away
            except OSError as error:
                raise _cannot_move(path, error) from error
            update = "UPDATE images SET path = ?, home = ?, trashed = ? WHERE id = ?"
            values = (str(target), str(path), time.time(), row["id"])
            self._database.write((update, values), forgetting(row["moment"]))
            count += 1
        return count

    def restore(self, ids: Sequence[str]) -> int:
        """Move pictures back to where they were; returns how many. Raises WebUIError."""
        count = 0
        for row in self._rows(ids):
            if row["trashed"] is None:
                continue
            path, home = Path(row["path"]), _free(Path(row["home"]))
            try:
                _move(path, home)
            except OSError as error:
                raise _cannot_move(path, error) from error
            with contextlib.suppress(OSError):
                path.parent.rmdir()
            update = "UPDATE images SET path = ?, home = '', trashed = NULL WHERE id = ?"
            changed = {**dict(row), "trashed": None}
            self._database.write((update, (str(home), row["id"])), *describing(changed))
            count += 1
        return count

    def trash(self, *, limit: int = 200, person: str | None = None) -> list[Picture]:
        """List what was thrown away, last first."""
        rows = self._database.search(
            "SELECT * FROM images WHERE trashed IS NOT NULL AND person = ifnull(?, person)"
            " ORDER BY trashed DESC LIMIT ?",
            (person, limit),
        )
        return [picture_of(row) for row in rows]

    def empty_trash(self, person: str | None = None) -> int:
        """Delete what was thrown away for good; returns how many pictures that were."""
        count = 0
        for picture in self.trash(limit=MOST_AT_ONCE, person=person):
            if picture.path.is_relative_to(self._trash):
                shutil.rmtree(picture.path.parent, ignore_errors=True)
            gone = "UPDATE images SET saved = 0, trashed = NULL WHERE id = ?"
            self._database.write((gone, (picture.id,)))
            count += 1
        self._inputs.tidy()
        return count

    def pictures(self, ids: Sequence[str]) -> list[Picture]:
        """Return pictures in the order of `ids`. Raises NotFound for the first unknown one."""
        found = {row["id"]: picture_of(row) for row in self._rows(ids)}
        return [found[one] for one in ids]

    def difference(self, one: str, other: str) -> tuple[list[Difference], list[str]]:
        """Compare two recipes; returns what differs, and the keys of what does not."""
        first, second = (parse_infotext(each.infotext) for each in self.pictures([one, other]))
        keys = list(dict.fromkeys([*first, *second]))
        changed = [key for key in keys if first.get(key, "") != second.get(key, "")]
        differences = [Difference(key, first.get(key, ""), second.get(key, "")) for key in changed]
        return differences, [key for key in keys if key not in changed]

    def _row(self, image_id: str) -> sqlite3.Row:
        row = self._database.row("SELECT * FROM images WHERE id = ?", (image_id,))
        if row is None:
            raise NotFound("picture", image_id)
        return row

    def _rows(self, ids: Sequence[str]) -> list[sqlite3.Row]:
        """Rows of pictures. Raises NotFound for the first unknown one, InvalidRequest."""
        if len(ids) > MOST_AT_ONCE:
            raise InvalidRequest(f"At most {MOST_AT_ONCE:,} pictures fit into one order.")
        rows: dict[str, sqlite3.Row] = {}
        for first in range(0, len(ids), CHUNK):
            part = ids[first : first + CHUNK]
            sql = f"SELECT * FROM images WHERE id IN ({_marks(part)})"
            rows |= {row["id"]: row for row in self._database.rows(sql, list(part))}
        for one in ids:
            if one not in rows:
                raise NotFound("picture", one)
        return list(rows.values())


def zipped(pictures: Iterable[Picture]) -> Iterator[bytes]:
    """Yield a ZIP of pictures piece by piece; files that are gone are left out."""
    outlet, names = _Outlet(), Counter[str]()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for picture in pictures:
            name = picture.path.name
            number, names[name] = names[name], names[name] + 1
            entry = f"{picture.path.stem}-{number}{picture.path.suffix}" if number else name
            try:
                archive.write(picture.path, entry)
            except OSError as error:
                log.warning("%s is not in the archive: %s", picture.path, error)
            yield outlet.take()
    yield outlet.take()


class _Outlet:
    """A file that cannot be sought, whose content is taken away as it is written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        data, self._pieces = b"".join(self._pieces), []
        return data


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _tags(texts: Sequence[str]) -> list[str]:
    tags = [" ".join(text.split())[:LONGEST_TAG] for text in texts]
    return list(dict.fromkeys(tag for tag in tags if tag))


def _move(path: Path, target: Path) -> None:
    """Move a picture and the text beside it. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(os.fspath(path), os.fspath(target))
    with contextlib.suppress(FileNotFoundError):
        shutil.move(path.with_suffix(".txt"), target.with_suffix(".txt"))


def _free(path: Path) -> Path:
    """`path`, or the next name beside it that nobody has."""
    number, free = 0, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def _cannot_move(path: Path, error: OSError) -> WebUIError:
    return WebUIError(
        f"{path.name} could not be moved: {error.strerror or error}.",
        "Check the permissions of its folder.",
    )
