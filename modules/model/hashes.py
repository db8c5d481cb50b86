"""What is known about model files without reading them again: hashes and header facts.

One JSON file, keyed by path; an entry counts only while size and modification time are unchanged.
It can be deleted at any time. Needs no torch.
"""

import hashlib
import json
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class FileFacts:
    """A small table of facts about files that survives restarts; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, Any]] | None = None

    def known(self, file: Path, key: str) -> Any:
        """The fact `key` about `file`, or None if it is not known or the file has changed."""
        entry = self.entries().get(str(file))
        if entry is None or entry.get("stamp") != stamp(file):
            return None
        return entry.get(key)

    def learn(self, facts: dict[Path, dict[str, Any]]) -> None:
        """Add facts about files and save; thread-safe. If that fails, the next start is slower."""
        with self._lock:
            entries = self.read()  # another process may have learnt something
            for file, values in facts.items():
                now = stamp(file)
                entry = entries.get(str(file), {})
                entries[str(file)] = (
                    entry if entry.get("stamp") == now else {"stamp": now}
                ) | values
            self._entries = entries
            try:
                self.save(entries)
            except OSError as error:
                log.warning("Facts about model files cannot be saved: %s", error)

    def save(self, entries: dict[str, dict[str, Any]]) -> None:
        """Replace the table on disk at once, so that nobody reads half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=self.path.parent, delete=False, encoding="utf-8"
        ) as file:
            json.dump(entries, file)
        os.replace(file.name, self.path)

    def entries(self) -> dict[str, dict[str, Any]]:
        """Every entry, read once."""
        if self._entries is None:
            self._entries = self.read()
        return self._entries

    def read(self) -> dict[str, dict[str, Any]]:
        """The table on disk; a missing or damaged one is empty."""
        try:
            entries = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("Facts about model files are read anew: %s", error)
            return {}
        if not isinstance(entries, dict):
            return {}
        return {path: entry for path, entry in entries.items() if isinstance(entry, dict)}

    def sha256(self, file: Path) -> str:
        """The SHA-256 of `file` as 64 digits, computed unless known (about 2 s a GB)."""
        found = self.known(file, "sha256")
        if isinstance(found, str):
            return found
        digest = file_sha256(file)
        self.learn({file: {"sha256": digest}})
        return digest


def stamp(file: Path) -> list[int]:
    """Size in bytes and modification time in nanoseconds; changes when the file does."""
    info = file.stat()
    return [info.st_size, info.st_mtime_ns]


def file_sha256(file: Path) -> str:
    """The SHA-256 of a file as 64 digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def legacy_hash(file: Path) -> str:
    """The 8 digits by which models were known before 2023: of 64 KiB, one MiB into the file."""
    with file.open("rb") as opened:
        opened.seek(0x100000)
        return hashlib.sha256(opened.read(0x10000)).hexdigest()[:8]
