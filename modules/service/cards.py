"""The cards of the model browser: every model file with its picture and notes, found quickly.

A small database remembers what files said, so that ten thousand of them are listed at once. It is a
cache: it can be deleted at any time. Names come first, what is in the files afterwards, in the
background; nothing here reads weights.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, NotFound
from modules.service.card_files import KINDS, FoundFile, describe, find_files

log = logging.getLogger(__name__)

VERSION = 1
"""Of the table; a cache of another version is made anew."""
BATCH = 100
"""Files described between two looks at whether the program ends."""
BREATH_S = 0.02
"""Rest after each batch, for whoever else needs the disk and the interpreter."""
WAIT_S = 4.0
"""Seconds after the start before folders are looked at: the page comes first."""
PATIENCE_S = 0.1
"""Seconds that the very first page waits for the list of files."""
HIDDEN_FROM = 4
"""Letters a search needs before it finds what lies in folders with a dot in front."""

SORTS = {
    "path": "sort_path",
    "name": "sort_name",
    "created": "created",
    "modified": "modified",
    "size": "size",
}
"""Orders people may choose, and their columns."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One model file."""

    id: str
    """Stays the same as long as the file stays where it is."""
    kind: str
    """One of `KINDS`."""
    path: Path
    name: str
    """File name without suffix."""
    folder: str
    """Below the folder of its kind; empty for that folder itself."""
    size: int
    created: float
    modified: float
    stamp: str = ""
    """Changes when the file, its notes or its picture do."""
    preview: str = ""
    """Name of the picture beside it; "inside" if the file holds one."""
    described: bool = False
    """Whether what follows has been read from the file and its notes."""
    alias: str = ""
    base: str = ""
    hash: str = ""
    note: str = ""
    """Why it cannot be used, such as "incomplete: 3.1 of 6.9 GB"."""
    description: str = ""
    activation: str = ""
    negative: str = ""
    weight: float = 0.0

    @property
    def prompt_name(self) -> str:
        """What to call it in prompts: the name in its file if it has one."""
        return self.alias or self.name


@dataclass(frozen=True, kw_only=True)
class CardSearch:
    """What cards are wanted, and in which order."""

    kind: str = "lora"
    text: str = ""
    """Must be in the path, the alias, the hash or the notes; several words must all be."""
    folder: str | None = None
    """Only in this folder and those below it."""
    base: str = ""
    """Not those made for another family than this."""
    sort: str = "path"
    descending: bool = False


SCHEMA = """
CREATE TABLE cards (
    id TEXT PRIMARY KEY, kind TEXT, path TEXT, name TEXT, folder TEXT, size INTEGER, created REAL,
    modified REAL, preview TEXT, described INTEGER, alias TEXT, base TEXT, hash TEXT, note TEXT,
    description TEXT, activation TEXT, negative TEXT, weight REAL,
    stamp TEXT, sort_name TEXT, sort_path TEXT, words TEXT, hidden INTEGER
) WITHOUT ROWID;
CREATE INDEX cards_by_path ON cards (kind, sort_path);
CREATE INDEX cards_by_name ON cards (kind, sort_name);
"""


class CardIndex:
    """Lists model files; looks at their folders in the background. Thread-safe."""

    def __init__(self, cache: Path, roots: Callable[[], Mapping[str, Sequence[Path]]]) -> None:
        """`roots` gives the folders of each kind of model."""
        self._path, self._roots = cache, roots
        self._lock = threading.RLock()
        self._looking = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._listed = threading.Event()
        self._bell, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look at the folders soon, and whenever `refresh` is called."""
        self._thread = threading.Thread(target=self._watch, name="cards", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """List the files again now; what is new is read in the background."""
        self.list_files()
        self._bell.set()

    def close(self) -> None:
        """End the background work."""
        self._closing.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(10)
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _watch(self) -> None:
        self._bell.wait(WAIT_S)
        while not self._closing.is_set():
            self._bell.clear()
            try:
                self.look()
            except (OSError, sqlite3.Error) as error:
                log.warning("The cards of models could not be brought up to date: %s", error)
            self._bell.wait()

    def look(self) -> int:
        """Bring every card up to date; returns how many were new or had changed."""
        self.list_files()
        count = 0
        while not self._closing.is_set():
            rows = self._rows("SELECT * FROM cards WHERE NOT described LIMIT ?", (BATCH,))
            if not rows:
                break
            described = [
                (row["id"], row["stamp"], describe(row["kind"], dict(row))) for row in rows
            ]
            with self._lock:
                for card_id, stamp, facts in described:
                    values = {**facts, "id": card_id, "stamp": stamp}
                    columns = ", ".join(f"{name} = :{name}" for name in facts)
                    self._database.execute(
                        f"UPDATE cards SET described = 1, {columns}"
                        " WHERE id = :id AND stamp = :stamp",
                        values,
                    )
                self._database.commit()
            count += len(rows)
            time.sleep(BREATH_S)
        return count

    def list_files(self) -> None:
        """Compare the table with the folders, by names and times alone."""
        with self._looking:
            found: dict[str, FoundFile] = {}
            for kind, roots in self._roots().items():
                for root in roots:
                    found |= {file.id: file for file in find_files(kind, root)}
            known = {row["id"]: row["stamp"] for row in self._rows("SELECT id, stamp FROM cards")}
            gone = [(one,) for one in known.keys() - found.keys()]
            new = [file.row for one, file in found.items() if known.get(one) != file.stamp]
            with self._lock:
                self._database.executemany("DELETE FROM cards WHERE id = ?", gone)
                self._database.executemany(INSERT, new)
                self._database.commit()
            self._listed.set()

    def page(self, search: CardSearch, limit: int = 60, skip: int = 0) -> tuple[int, list[Card]]:
        """Return how many cards a search finds, and some of them. Raises InvalidRequest."""
        if search.kind not in KINDS:
            raise NotFound("kind of model", search.kind, KINDS)
        if search.sort not in SORTS:
            raise InvalidRequest(f"Cards cannot be sorted by {search.sort!r}.", f"Try {[*SORTS]}.")
        if not self._listed.is_set() and not self._rows("SELECT 1 FROM cards LIMIT 1"):
            self._list_first()
        where, values = _conditions(search)
        order = f"{SORTS[search.sort]} {'DESC' if search.descending else 'ASC'}, sort_path"
        total = self._rows(f"SELECT count(*) AS n FROM cards WHERE {where}", values)[0]["n"]
        rows = self._rows(
            f"SELECT * FROM cards WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
            (*values, limit, skip),
        )
        return total, [_card(row) for row in rows]

    def _list_first(self) -> None:
        """See to it that files are listed that nobody has looked for yet.

        Where that takes long, a page is shown without them meanwhile: see `is_listing`.
        """
        if self._thread is None:
            self.list_files()
        else:
            self._bell.set()
            self._listed.wait(PATIENCE_S)

    @property
    def is_listing(self) -> bool:
        """Whether the folders have not been looked at yet, so that files may be missing."""
        return not self._listed.is_set()

    def folders(self, kind: str) -> list[tuple[str, int]]:
        """Return the folders of a kind that hold files, and how many each holds."""
        rows = self._rows(
            "SELECT folder, count(*) AS n FROM cards WHERE kind = ? GROUP BY folder"
            " ORDER BY min(sort_path)",
            (kind,),
        )
        return [(row["folder"], row["n"]) for row in rows]

    def find(self, card_id: str) -> Card:
        """Return the card of this id, read anew if its file or notes changed. Raises NotFound."""
        rows = self._rows("SELECT * FROM cards WHERE id = ?", (card_id,))
        if not rows or not Path(rows[0]["path"]).exists():
            raise NotFound("model card", card_id)
        if rows[0]["described"]:
            return _card(rows[0])
        row = dict(rows[0])
        return _card({**row, **describe(row["kind"], row), "described": 1})

    def named(self, kind: str, name: str) -> Card:
        """Return the card that a name in prompts means: file name, or alias. Raises NotFound."""
        for column in ("name", "alias"):
            rows = self._rows(
                f"SELECT * FROM cards WHERE kind = ? AND {column} = ? ORDER BY sort_path",
                (kind, name),
            )
            if rows:
                return self.find(rows[0]["id"])
        known = self._rows("SELECT name FROM cards WHERE kind = ? LIMIT 2000", (kind,))
        raise NotFound(KINDS[kind].title, name, [row["name"] for row in known])

    def with_preview(self, name: str) -> list[Card]:
        """Return the cards whose picture is a file of that name."""
        return [_card(row) for row in self._rows("SELECT * FROM cards WHERE preview = ?", (name,))]

    def touch(self, card: Card) -> Card:
        """Read a card's notes and picture again, after they were changed here."""
        self.list_files()
        self._bell.set()
        return self.find(card.id)

    @property
    def _database(self) -> sqlite3.Connection:
        """The connection; whoever uses it holds the lock."""
        if self._connection is None:
            self._connection = _open(self._path)
        return self._connection

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()


INSERT = (
    "INSERT OR REPLACE INTO cards (id, kind, path, name, folder, size, created, modified, preview,"
    " described, alias, base, hash, note, description, activation, negative, weight, stamp,"
    " sort_name, sort_path, words, hidden) VALUES (:id, :kind, :path, :name, :folder, :size,"
    " :created, :modified, :preview, 0, '', '', '', '', '', '', '', 0, :stamp, :sort_name,"
    " :sort_path, :words, :hidden)"
)


def _open(path: Path) -> sqlite3.Connection:
    """Open the cache; one that is damaged or of another version is begun anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in (1, 2):
        connection = sqlite3.connect(path, check_same_thread=False, timeout=20)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                connection.execute("DROP TABLE IF EXISTS cards")
                connection.executescript(SCHEMA)
                connection.execute(f"PRAGMA user_version={VERSION}")
            return connection
        except sqlite3.DatabaseError as error:
            connection.close()
            if attempt == 2:
                raise
            log.warning("The cards of models are read anew: %s", error)
            path.unlink()
    raise AssertionError("unreachable")


def _conditions(search: CardSearch) -> tuple[str, list[Any]]:
    """Return the WHERE clause of a search, and its values."""
    where, values = ["kind = ?"], [search.kind]
    for word in search.text.lower().split():
        where.append("instr(words, ?)")
        values.append(word)
    if len(search.text.strip()) < HIDDEN_FROM:
        where.append("NOT hidden")
    if search.folder is not None:
        where.append("(folder = ? OR folder LIKE ? ESCAPE '\\')")
        escaped = search.folder.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values += [search.folder, f"{escaped}/%" if search.folder else "%"]
    if search.base:
        where.append("base IN ('', ?)")
        values.append(search.base)
    return " AND ".join(where), values


def _card(row: Mapping[str, Any] | sqlite3.Row) -> Card:
    values = {field.name: row[field.name] for field in fields(Card)}
    return Card(**values | {"path": Path(row["path"]), "described": bool(row["described"])})
