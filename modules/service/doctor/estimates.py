"""How far off what the page foretells of jobs has been on this machine."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from modules.service.doctor.finding import DOUBTFUL, GOOD, Finding
from modules.service.preflight.knowledge import Accuracy, Knowledge
from modules.service.preflight.measured import measured_from

SUBJECT = "Estimates"
FAR_OFF = 0.5
"""A median error from which something disturbs the machine, or the estimates are wrong."""
FEW = 5
"""Jobs that are too few to judge by."""


def look_at_estimates(file: Path) -> Iterator[Finding]:
    """Say how far off estimates were, by the database `file`, without changing it."""
    accuracy, jobs = accuracy_in(file)
    if accuracy.seconds is None:
        yield Finding(SUBJECT, GOOD, f"{jobs} jobs learned from, none foretold yet")
        return
    parts = [f"seconds {accuracy.seconds:.0%}"]
    for name, share in (("memory", accuracy.memory), ("disk", accuracy.disk)):
        if share is not None:
            parts.append(f"{name} {share:.0%}")
    jobs_told = f"{accuracy.jobs} job{'s' * (accuracy.jobs != 1)}"
    seen = f"off by {', '.join(parts)} (medians of {jobs_told})"
    if accuracy.seconds > FAR_OFF and accuracy.jobs >= FEW:
        advice = "Other programs may be slowing the drawing down by turns."
        yield Finding(SUBJECT, DOUBTFUL, seen, advice)
        return
    yield Finding(SUBJECT, GOOD, seen)


def accuracy_in(file: Path) -> tuple[Accuracy, int]:
    """The errors kept in a database, and how many jobs were learned from; none without one."""
    knowledge, count = Knowledge(), 0
    for text in _texts(file):
        measured = measured_from(text)
        if measured is not None:
            knowledge.learn(measured)
            count += 1
    return knowledge.accuracy(), count


def _texts(file: Path) -> list[str]:
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT body FROM measurements ORDER BY sequence")
            return [str(row[0]) for row in rows]
    except sqlite3.Error:  # of an earlier version, or damaged: another finding tells of that
        return []
