"""One SQLite file with everything that must survive: jobs, their events, the pictures they made."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modules.errors import WebUIError

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
        id         TEXT NOT NULL UNIQUE,
        state      TEXT NOT NULL,
        priority   INTEGER NOT NULL DEFAULT 0,
        owner      TEXT NOT NULL,
        origin     TEXT NOT NULL,
        save       INTEGER NOT NULL,
        task       TEXT NOT NULL,
        settings   TEXT NOT NULL,
        created    REAL NOT NULL,
        started    REAL,
        ended      REAL,
        reserved   INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX jobs_by_state ON jobs (state, priority DESC, sequence);
    CREATE TABLE events (
        job    TEXT NOT NULL,
        number INTEGER NOT NULL,
        body   TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE images (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id       TEXT NOT NULL UNIQUE,
        job      TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind     TEXT NOT NULL,
        saved    INTEGER NOT NULL,
        path     TEXT NOT NULL,
        infotext TEXT NOT NULL,
        width    INTEGER NOT NULL,
        height   INTEGER NOT NULL,
        seed     INTEGER NOT NULL,
        created  REAL NOT NULL
    );
    CREATE INDEX images_by_job ON images (job, kind, position);
    """,
    """
    ALTER TABLE jobs ADD COLUMN person TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN place REAL NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN forever INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET place = sequence;
    CREATE INDEX jobs_by_parent ON jobs (parent) WHERE parent != '';
    CREATE TABLE notes (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE images ADD COLUMN person TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN moment INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE images ADD COLUMN model TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN sampler TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN rating INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE images ADD COLUMN tags TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN loras TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN folder TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN modified REAL NOT NULL DEFAULT 0;
    ALTER TABLE images ADD COLUMN home TEXT NOT NULL DEFAULT '';
    ALTER TABLE images ADD COLUMN trashed REAL;
    ALTER TABLE images ADD COLUMN described INTEGER NOT NULL DEFAULT 0;
    UPDATE images SET moment = CAST(created * 1000 AS INTEGER) * 1048576 + (sequence & 1048575);
    CREATE INDEX images_shown ON images (moment DESC) WHERE saved AND trashed IS NULL;
    CREATE INDEX images_trashed ON images (trashed) WHERE trashed IS NOT NULL;
    CREATE INDEX images_undescribed ON images (sequence) WHERE NOT described;
    CREATE INDEX images_by_path ON images (path);
    CREATE INDEX images_by_folder ON images (folder);
    CREATE TABLE folders (
        path     TEXT PRIMARY KEY,
        parent   TEXT NOT NULL,
        modified REAL NOT NULL
    );
    CREATE INDEX folders_by_parent ON folders (parent);
    CREATE VIRTUAL TABLE image_words USING fts5
        (prompt, negative, facts, tokenize = 'unicode61 remove_diacritics 2');
    """,
    """
    CREATE INDEX images_facts ON images (person, model, sampler, loras, tags)
        WHERE saved AND trashed IS NULL;
    """,
    """
    ALTER TABLE jobs ADD COLUMN cell INTEGER;
    """,
    """
    CREATE TABLE inputs (
        image  TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (image, digest)
    ) WITHOUT ROWID;
    CREATE INDEX inputs_by_digest ON inputs (digest);
    """,
    """
    CREATE TABLE prompts (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        person   TEXT NOT NULL,
        prompt   TEXT NOT NULL,
        negative TEXT NOT NULL,
        used     REAL NOT NULL,
        times    INTEGER NOT NULL DEFAULT 1,
        pinned   INTEGER NOT NULL DEFAULT 0,
        UNIQUE (person, prompt, negative)
    );
    CREATE INDEX prompts_by_use ON prompts (person, pinned DESC, used DESC);
    """,
    """
    CREATE TABLE extras_runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id       TEXT NOT NULL UNIQUE,
        person   TEXT NOT NULL,
        created  REAL NOT NULL,
        status   TEXT NOT NULL,
        work     TEXT NOT NULL,
        done     INTEGER NOT NULL DEFAULT 0,
        kept     INTEGER NOT NULL DEFAULT 0,
        worked   INTEGER NOT NULL DEFAULT 0,
        pictures TEXT NOT NULL DEFAULT '[]',
        notices  TEXT NOT NULL DEFAULT '[]',
        error    TEXT NOT NULL DEFAULT ''
    );
    """,
    """
    CREATE TABLE measurements (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        body     TEXT NOT NULL
    );
    """,
)
"""Statements that bring a file from version n to n + 1. Only ever add to the end."""

Statement = tuple[str, Sequence[Any]]


class Database:
    """A connection that any thread may use; writes are transactions that reach the disk.

    Write-ahead logging keeps the file whole through a crash at any moment, and `synchronous=FULL`
    makes a finished transaction survive a power cut too.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or create `path`; None keeps everything in memory. Raises WebUIError."""
        self._lock = threading.RLock()
        self._reading = self._lock if path is None else threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", check_same_thread=False, isolation_level=None, timeout=20
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA wal_autocheckpoint=200")  # pages; keeps the log small
            self._migrate()
            self._reader = self._connection
            if path is not None:
                self._reader = sqlite3.connect(path, check_same_thread=False, timeout=20)
                self._reader.row_factory = sqlite3.Row
                self._reader.execute("PRAGMA query_only=1")
        except (sqlite3.Error, OSError) as error:
            raise WebUIError(
                f"The list of jobs {path} cannot be opened: {error}.",
                "Check that the folder is writable and the disk is not full, or start with "
                "another --data-dir.",
            ) from error

    def _migrate(self) -> None:
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in script.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do several statements as one; either all of them stay or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def write(self, *statements: Statement) -> None:
        """Carry out statements as one transaction; on disk when this returns.

        Raises WebUIError if the disk refuses; then none of them counts.
        """
        try:
            with self.transaction() as connection:
                for sql, values in statements:
                    connection.execute(sql, values)
        except sqlite3.Error as error:
            raise WebUIError(
                f"The list of jobs cannot be written: {error}.",
                "Make room on the disk, or check the permissions of the data folder.",
            ) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read every row a query gives."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Read the first row a query gives."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def search(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read rows of a query that may take its time: nothing else waits for it."""
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()
