"""The folders and files of an installation: there, writable, whole, and on a disk with room."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from modules.errors import WebUIError
from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.service.doctor.finding import BAD, DOUBTFUL, GOOD, Finding

GIGABYTE = 1024**3
LITTLE_ROOM_GB = 1.0


def look_at_folders(paths: Paths, settings_file: Path) -> Iterator[Finding]:
    """Look at the folders of `paths` without changing anything in them."""
    for subject, folder in (
        ("Your files", paths.data),
        ("Pictures", paths.outputs),
        ("Temporary files", paths.cache),
    ):
        yield written(subject, folder)
    yield read("Models", paths.models)
    yield room(paths.data)
    yield database(paths.database)
    yield settings(settings_file)
    yield styles(paths.styles)


def written(subject: str, folder: Path) -> Finding:
    """Answer whether a folder, or the nearest one above that is there, takes new files."""
    there = nearest(folder)
    in_the_way = next((one for one in (folder, *folder.parents) if one.is_file()), None)
    if in_the_way:
        return Finding(subject, BAD, f"{in_the_way} is a file, not a folder", "Move it away.")
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".easel-doctor-"):
            pass
    except OSError as error:
        advice = "Give yourself the right to write there, or choose another with --data-dir."
        return Finding(subject, BAD, f"{folder} cannot be written: {error}", advice)
    return Finding(subject, GOOD, f"{folder}{'' if there == folder else ' (not made yet)'}")


def nearest(folder: Path) -> Path:
    """Return `folder`, or the closest folder above it that exists."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def read(subject: str, folder: Path) -> Finding:
    """Answer whether a folder can be listed."""
    try:
        kinds = sorted(one.name for one in folder.iterdir() if one.is_dir())
    except OSError as error:
        advice = "Choose another with --models-dir."
        return Finding(subject, BAD, f"{folder} cannot be read: {error}", advice)
    return Finding(subject, GOOD, f"{folder} ({', '.join(kinds) or 'empty'})")


def room(folder: Path) -> Finding:
    """Say how much of the disk is free."""
    found = shutil.disk_usage(nearest(folder))
    seen = f"{found.free / GIGABYTE:.1f} of {found.total / GIGABYTE:.1f} GB free"
    if found.free < LITTLE_ROOM_GB * GIGABYTE:
        return Finding("Disk", DOUBTFUL, seen, "Make room: the queue waits when the disk is full.")
    return Finding("Disk", GOOD, seen)


def database(file: Path) -> Finding:
    """Let SQLite check the file of jobs and pictures."""
    subject = "Jobs and gallery"
    if not file.exists():
        return Finding(subject, GOOD, f"{file.name} is made at the first start")
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
            pictures = connection.execute("SELECT count(*) FROM images").fetchone()[0]
    except sqlite3.Error as error:
        said, jobs, pictures = str(error), 0, 0
    if said != "ok":
        advice = (
            f"End the program and move {file.name} away; your pictures stay, and the gallery "
            "finds them again."
        )
        return Finding(subject, BAD, f"{file.name} is damaged: {said}", advice)
    return Finding(subject, GOOD, f"{jobs} jobs, {pictures} pictures")


def settings(file: Path) -> Finding:
    """Answer whether the settings can be read."""
    if not file.exists():
        return Finding("Settings", GOOD, "all as they come")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        advice = (
            f"Mend it, or move it away: the program keeps a damaged one as {file.name}.broken-1."
        )
        return Finding("Settings", BAD, f"{file.name} cannot be read: {error}", advice)
    if not isinstance(found, dict):
        return Finding("Settings", BAD, f"{file.name} is not a list of settings", "Move it away.")
    return Finding("Settings", GOOD, f"{len(found)} differ from the defaults")


def styles(file: Path) -> Finding:
    """Answer whether the styles can be read."""
    try:
        count = len(StyleBook.load([file]))
    except WebUIError as error:
        return Finding("Styles", DOUBTFUL, error.message, error.hint)
    return Finding("Styles", GOOD, f"{count}")
