"""A limit on wrong passwords."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_S = 60.0
TRIES = 10
"""Wrong passwords from one address within WINDOW_S."""
REMEMBERED = 10_000
"""Addresses kept in mind; beyond that the oldest are forgotten."""


class Throttle:
    """Counts failures by key within a sliding window. Thread-safe."""

    def __init__(self, tries: int = TRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._tries = tries
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> int:
        """Return the whole seconds until `key` may try again; 0 if it may now."""
        with self._lock:
            times = self._failures.get(key, deque())
            while times and times[0] <= self._clock() - WINDOW_S:
                times.popleft()
            if len(times) < self._tries:
                return 0
            return max(1, round(times[0] + WINDOW_S - self._clock()))

    def failed(self, key: str) -> None:
        """Remember a failure."""
        with self._lock:
            times = self._failures.setdefault(key, deque(maxlen=self._tries))
            times.append(self._clock())
            self._failures.move_to_end(key)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)
