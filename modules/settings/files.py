"""Writing a file so that nobody ever sees half of it."""

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by a file with `data`; after a crash it is the old one or the new one.

    Raises OSError; then `path` is as before and nothing is left beside it.
    """
    part = unique_part(path)
    try:
        write_and_sync(part, data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def unique_part(path: Path) -> Path:
    """A name in the same folder that no other writer has chosen, short enough everywhere."""
    return path.with_name(f".{secrets.token_hex(8)}.part")


def write_and_sync(path: Path, data: bytes) -> None:
    """Write a new file and wait until the disk has it. Raises OSError."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable, where the system offers that."""
    if os.name == "nt":  # folders cannot be opened there; the file system logs names by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
