"""Whose turn it is: priorities first, then fair to everybody, then kind to the loaded model."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

MOST_PASSED = 3
"""How often a job may see another go first because that one needs no other model."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What matters about a waiting job."""

    id: str
    priority: int = 0
    place: float = 0.0
    """Position in the line; smaller goes first."""
    person: str = ""
    model: str = ""
    moved: bool = False
    """Whether somebody put it where it is; then nothing passes it."""


class Turns:
    """Chooses the next job. Remembers who was served and which model is loaded; not thread-safe.

    Within a priority people take turns, whoever was served longest ago first. A job that needs
    the loaded model may pass the one whose turn it is, but no job is passed more than
    `MOST_PASSED` times, so that nobody waits for ever.
    """

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self._passed: Counter[str] = Counter()
        self._model = ""

    def take(self, waiting: Iterable[Waiting]) -> Waiting | None:
        """Choose the next job and take note of it; None if nothing waits."""
        line = self._fair(waiting)
        if not line:
            return None
        head = chosen = line[0]
        if self._may_be_passed(head, self._model, self._passed[head.id]):
            same = (one for one in line if one.priority == head.priority)
            chosen = next((one for one in same if one.model == self._model), head)
        if chosen is not head:
            self._passed[head.id] += 1
        self._passed.pop(chosen.id, None)
        self._model = chosen.model or self._model
        self._served[chosen.person] = max(self._served.values(), default=0) + 1
        return chosen

    def order(self, waiting: Iterable[Waiting]) -> list[str]:
        """Foretell the order in which jobs will run, if nothing is added; their ids."""
        line = self._fair(waiting)
        by_model: dict[tuple[int, str], deque[Waiting]] = {}
        for one in line:
            by_model.setdefault((one.priority, one.model), deque()).append(one)
        heads, gone, model = deque(line), set[str](), self._model
        passed, order = self._passed.copy(), list[str]()
        while heads:
            head = chosen = heads[0]
            if head.id in gone:
                heads.popleft()
                continue
            if self._may_be_passed(head, model, passed[head.id]):
                mates = by_model.get((head.priority, model), deque())
                while mates and mates[0].id in gone:
                    mates.popleft()
                if mates:
                    chosen = mates[0]
                    passed[head.id] += 1
            gone.add(chosen.id)
            order.append(chosen.id)
            model = chosen.model or model
        return order

    @staticmethod
    def _may_be_passed(head: Waiting, model: str, passed: int) -> bool:
        other = bool(model and head.model and head.model != model)
        return other and not head.moved and passed < MOST_PASSED

    def _fair(self, waiting: Iterable[Waiting]) -> list[Waiting]:
        """Sort by priority, then everybody's first job, then everybody's second, ..."""
        own = Counter[tuple[int, str]]()
        keyed = []
        for one in sorted(waiting, key=lambda one: (-one.priority, one.place)):
            rank = own[one.priority, one.person]
            own[one.priority, one.person] += 1
            served = self._served.get(one.person, 0)
            keyed.append(((-one.priority, rank, served, one.place), one))
        return [one for _, one in sorted(keyed, key=lambda pair: pair[0])]
