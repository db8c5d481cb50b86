"""A job's state at a glance, folded from its row and its events."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modules.schema.codec import from_json
from modules.schema.event import Failed, ImageReady, Loading, Notice, Preview, Progress
from modules.schema.tasks import Task
from modules.service.database import Database
from modules.service.job import FINISHED, WAITING, Snapshot
from modules.service.journal import ENDINGS, STATE_AFTER, Entry, Journal

LEADING = 0.01
"""Share of the bar shown as soon as a job runs, so that people see it move."""


def newest_jobs(
    database: Database, limit: int, person: str | None, parent: str | None
) -> list[str]:
    """Ids of the newest jobs, newest first; parts of scripts only as those of their `parent`."""
    rows = database.rows(
        "SELECT id FROM jobs WHERE person = ifnull(?, person) AND parent = ifnull(?, parent)"
        " AND (cell IS NULL OR ? IS NOT NULL) ORDER BY sequence DESC LIMIT ?",
        (person, parent, parent, max(0, limit)),
    )
    return [row["id"] for row in rows]


def take_snapshot(
    database: Database, journal: Journal, job_id: str, before: Mapping[str, int]
) -> Snapshot:
    """Describe a job, finished or not; `before` says how many jobs go before each that waits.

    Raises NotFound.
    """
    last = journal.last_number(job_id)
    row = database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
    assert row is not None, "a job with events has a row"
    snapshot = fold(_from_row(row), journal.since(job_id))
    position = before.get(job_id, 0) if snapshot.status == WAITING else 0
    return replace(snapshot, position=position, last_event=max(last, snapshot.last_event))


def fold(start: Snapshot, entries: Iterable[Entry]) -> Snapshot:
    """Apply events to a snapshot, in order."""
    for number, event in entries:
        change = _change(start, event, number)
        start = replace(start, last_event=number, **change)
    return start if start.status != FINISHED else replace(start, fraction=1.0, eta_s=0.0)


def _change(before: Snapshot, event: object, number: int) -> dict[str, Any]:
    """Fields that an event changes; endings also the status, for a full disk takes no rows."""
    if isinstance(event, ENDINGS):
        error = event if isinstance(event, Failed) else None
        return {"error": error, "status": STATE_AFTER[type(event)]}
    if isinstance(event, Progress):
        return {
            "step": event.step,
            "steps": event.steps,
            "batch": event.batch,
            "batches": event.batches,
            "fraction": max(LEADING, event.fraction),
            "eta_s": event.eta_s,
            "loading": "",
        }
    if isinstance(event, ImageReady):
        return {"images": (*before.images, event.image)}
    if isinstance(event, Notice):
        return {"notices": (*before.notices, event.message)}
    if isinstance(event, Loading):
        return {"loading": event.what}
    if isinstance(event, Preview):
        return {"preview": number}
    return {}


def _from_row(row: sqlite3.Row) -> Snapshot:
    return Snapshot(
        id=row["id"],
        status=row["state"],
        origin=row["origin"],
        created=row["created"],
        started=row["started"] or 0.0,
        ended=row["ended"] or 0.0,
        task=from_json(Task, row["task"]),
        person=row["person"],
        parent=row["parent"],
        priority=row["priority"],
        forever=bool(row["forever"]),
        held=bool(row["held"]),
    )
