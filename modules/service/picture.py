"""A picture as the gallery knows it: a row of the database."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from modules.service.database import Statement
from modules.service.facts import SEPARATOR


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file the gallery knows."""

    sequence: int
    id: str
    job: str
    position: int
    kind: str
    path: Path
    infotext: str
    width: int
    height: int
    seed: int
    created: float
    moment: int = 0
    """Grows with time; no two pictures have the same."""
    person: str = ""
    model: str = ""
    sampler: str = ""
    loras: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rating: int = 0
    trashed: float | None = None
    """When it was thrown away, unix time in seconds."""


def to_signed(seed: int) -> int:
    """SQLite's integers have 64 bits with a sign."""
    return seed if seed < 2**63 else seed - 2**64


BLANK: dict[str, Any] = {
    "sequence": 0,
    "person": "",
    "model": "",
    "sampler": "",
    "loras": "",
    "tags": "",
    "rating": 0,
    "trashed": None,
}
"""What a row has that says nothing in particular."""


def inserting(row: Mapping[str, Any]) -> Statement:
    """What adds a row to the pictures."""
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    return (f"INSERT INTO images ({names}) VALUES ({marks})", tuple(row.values()))


def inserting_found(row: Mapping[str, Any]) -> Statement:
    """What adds a file's row unless it has one by now, such as from the job that drew it."""
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    known = "SELECT 1 FROM images WHERE path = ? AND saved AND trashed IS NULL"
    sql = f"INSERT INTO images ({names}) SELECT {marks} WHERE NOT EXISTS ({known})"
    return (sql, (*row.values(), row["path"]))


def picture_of(row: Mapping[str, Any] | sqlite3.Row) -> Picture:
    """Make a picture of its row."""
    values: dict[str, Any] = {name: row[name] for name in PLAIN}
    for name in ("loras", "tags"):
        values[name] = tuple(filter(None, row[name].split(SEPARATOR)))
    return Picture(**values, path=Path(row["path"]))


PLAIN = tuple(item.name for item in fields(Picture) if item.name not in ("path", "loras", "tags"))
