"""Slow things about model files, done beside what people wait for."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

PIECE = 8 * 2**20
SHARE = 0.7
"""Of the memory that is free, what a file read ahead may fill."""


class Later:
    """A text that is being found out in a thread of its own."""

    def __init__(self, find: Callable[[], str]) -> None:
        self._find = find
        self._text = ""
        self._thread = threading.Thread(target=self._run, name="later", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._text = self._find()
        except OSError as error:
            log.warning("A model's hash could not be computed: %s", error)

    def __call__(self) -> str:
        """Wait for it; empty if it cannot be found out."""
        self._thread.join()
        return self._text


class ReadAhead:
    """Has the system read files that will be wanted soon, one after another, into its own cache.

    Nothing is kept here: loading a file that was read ahead takes no disk time, that is all.
    """

    def __init__(self) -> None:
        self._wanted: list[Path] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.bytes_read = 0

    def expect(self, files: list[Path]) -> None:
        """Read `files` in the background; what was expected before is not read any further."""
        with self._lock:
            self._wanted = list(files)
            if self._wanted and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is being read."""
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        buffer = bytearray(PIECE)
        while (path := self._next()) is not None:
            try:
                if path.stat().st_size < psutil.virtual_memory().available * SHARE:
                    self._read_one(path, buffer)
            except OSError as error:
                log.debug("%s is not read ahead: %s", path.name, error)

    def _read_one(self, path: Path, buffer: bytearray) -> None:
        with path.open("rb", buffering=0) as file:
            while self._wanted and self._wanted[0] == path and (count := file.readinto(buffer)):
                self.bytes_read += count
        with self._lock:
            if self._wanted and self._wanted[0] == path:
                self._wanted.pop(0)

    def _next(self) -> Path | None:
        with self._lock:
            if not self._wanted:
                self._thread = None
                return None
            return self._wanted[0]
