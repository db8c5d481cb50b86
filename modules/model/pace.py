"""How many threads a small network computes with: found out while it draws.

The layers of a small network are over in less time than it takes to wake a thread, and on a machine
with other work threads wait for each other at every layer: all of them may take three times as long
as a single one, or two thirds of its time. So a few calls are made with half or twice as many, now
and then, and what was quicker stays. In full precision pictures do not depend on it: see
`modules.model.networks.point_conv`.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

SETTLING = 2
"""Calls that are timed before the first trial, after one that is not."""
TRIAL = 3
"""Calls of a trial; the first makes what later ones reuse and does not count."""
HOPELESS = 2.0
"""How many times as long the second call of a trial may take before the trial ends."""
BETTER = 0.95
"""What share of the time makes another number of threads the better one."""
PAUSE, LONGEST_PAUSE = 16, 256
"""Calls between trials, which double while nothing better is found."""
MOST_COURSES = 32


class Course:
    """The search for one kind of work."""

    def __init__(self, most: int) -> None:
        """`most` threads to begin with, which is 2 or more."""
        self.proven = {most}
        """Numbers of threads that give the same answer as `most`."""
        self.counts = [most]
        while self.counts[0] > 1:
            self.counts.insert(0, self.counts[0] // 2)
        self._place = len(self.counts) - 1
        self._direction = -1
        self._recent: deque[float] = deque(maxlen=4)
        self._trying: int | None = None
        self._trial: list[float] = []
        self._pause, self._wait = PAUSE, SETTLING + 1

    @property
    def threads(self) -> int:
        """How many the next call is to have."""
        return self.counts[self._place if self._trying is None else self._trying]

    def refuse(self) -> None:
        """Never have as many threads as the trial under way has, nor others beyond."""
        assert self._trying is not None
        if self._trying < self._place:
            del self.counts[: self._trying + 1]
            self._place -= self._trying + 1
        else:
            del self.counts[self._trying :]
        self._trying = None
        self._wait = self._pause

    def took(self, seconds: float) -> None:
        """Take down how long that call was."""
        if self._trying is None:
            self._recent.append(seconds)
            self._wait -= 1
            if self._wait <= 0:
                self._begin()
            return
        self._trial.append(seconds)
        known = min(self._recent)
        hopeless = len(self._trial) == TRIAL - 1 and seconds > HOPELESS * known
        if hopeless or len(self._trial) == TRIAL:
            self._judge(min(self._trial[1:]), known)

    def _begin(self) -> None:
        """Try a neighbour, in the direction that helped last."""
        if len(self.counts) == 1:
            self._wait = LONGEST_PAUSE
            return
        place = self._place + self._direction
        if not 0 <= place < len(self.counts):
            self._direction = -self._direction
            place = self._place + self._direction
        self._trying, self._trial = place, []

    def _judge(self, found: float, known: float) -> None:
        """Stay with what is quicker."""
        assert self._trying is not None
        if found < BETTER * known:
            self._place = self._trying
            self._recent.clear()
            self._recent.append(found)
            self._pause = PAUSE
            self._wait = SETTLING if 0 < self._place < len(self.counts) - 1 else PAUSE
        else:
            self._direction = -self._direction
            self._wait = self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._trying = None


class Pace:
    """Runs work with as many threads as suit it."""

    def __init__(
        self, *, searching: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Without `searching` everything has all threads."""
        self.searching, self._clock = searching, clock
        self._courses: dict[Hashable, Course] = {}

    def run(self, kind: Hashable, work: Callable[[], Tensor]) -> Tensor:
        """What `work` gives; it may be done twice. Work of the same `kind` takes about as long."""
        most = torch.get_num_threads()
        if not self.searching or most == 1:
            return work()
        key = (kind, most)
        if key not in self._courses:
            if len(self._courses) >= MOST_COURSES:
                self._courses.clear()
            self._courses[key] = Course(most)
        course = self._courses[key]
        try:
            return self._timed(course, most, work)
        finally:
            torch.set_num_threads(most)

    def _timed(self, course: Course, most: int, work: Callable[[], Tensor]) -> Tensor:
        threads = course.threads
        expected = None if threads in course.proven else work()
        torch.set_num_threads(threads)
        began = self._clock()
        result = work()
        seconds = self._clock() - began
        if expected is not None:
            if not torch.equal(result, expected):
                course.refuse()
                return expected
            course.proven.add(threads)
        course.took(seconds)
        return result
