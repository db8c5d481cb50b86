"""The two buttons of a running job: skip this image, stop the job."""

import threading
from collections.abc import Callable


class Cancel:
    """Asked for by a door, looked at by the sampling loop between steps. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._skip = False
        self._watchers: list[Callable[[str], None]] = []

    def stop(self) -> None:
        """End the job; pictures that are finished stay."""
        with self._lock:
            self._stopped = True
        self._tell("stop")

    def skip(self) -> None:
        """Leave the picture (batch) being drawn and go on with the next."""
        with self._lock:
            self._skip = True
        self._tell("skip")

    @property
    def stopped(self) -> bool:
        """Whether the job is to end."""
        return self._stopped

    @property
    def skipping(self) -> bool:
        """Whether the current batch is to be left; stays true until `take_skip`."""
        return self._skip

    def take_skip(self) -> bool:
        """Answer whether a skip was asked for, and forget it."""
        with self._lock:
            asked, self._skip = self._skip, False
            return asked

    def watch(self, tell: Callable[[str], None]) -> None:
        """Call `tell("stop" | "skip")` at each press, to forward it to another process."""
        self._watchers.append(tell)
        if self._stopped:
            tell("stop")

    def _tell(self, what: str) -> None:
        for tell in list(self._watchers):
            tell(what)
