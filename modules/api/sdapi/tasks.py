"""Names that clients give their jobs, to watch them while the call that draws is still open."""

import secrets
import string
import threading
from collections import OrderedDict

REMEMBERED = 1000
LETTERS = string.ascii_uppercase + string.digits


class TaskNames:
    """Which job a name means; the newest REMEMBERED of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, str] = OrderedDict()
        self._names: dict[str, str] = {}

    def add(self, name: str, job_id: str) -> None:
        """Let `name` mean a job, also if it meant another before."""
        with self._lock:
            self._names.pop(self._jobs.pop(name, ""), None)
            self._jobs[name] = job_id
            self._names[job_id] = name
            while len(self._jobs) > REMEMBERED:
                self._names.pop(self._jobs.popitem(last=False)[1], None)

    def job(self, name: str) -> str:
        """Return the job's id; what is no name is taken for an id."""
        with self._lock:
            return self._jobs.get(name, name)

    def name(self, job_id: str) -> str:
        """Return the job's name; the id if it has none."""
        with self._lock:
            return self._names.get(job_id, job_id)


def new_name(kind: str) -> str:
    """Return a name such as A1111 gives: `task(txt2img-7 letters)`."""
    return f"task({kind}-{''.join(secrets.choice(LETTERS) for _ in range(7))})"
