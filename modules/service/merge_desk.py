"""Merging checkpoints on request: one at a time, watched and stopped like other work."""

import logging
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from modules.engine.engine import Engine
from modules.errors import Interrupted, InvalidRequest, NotFound, WebUIError
from modules.param import check_limits
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.catalogue import CheckpointInfo
from modules.schema.event import Failed, Notice, Progress
from modules.schema.tasks import MERGE_METHODS, NUMBER_TYPES, Merge
from modules.service.job import ENDED, FAILED, FINISHED, RUNNING, STOPPED, WAITING, new_id
from modules.service.resolve import find_checkpoint

log = logging.getLogger(__name__)

REMEMBERED = 20
"""Merges that can still be looked at after they ended."""
MOST_WAITING = 20
CLOSING_S = 10.0
LETTERS = {"Weighted sum": "ab", "Add difference": "abc", "No interpolation": "a"}
"""Which models each method needs."""
NO_VAE = ("", "None", "Automatic")
SUFFIX = ".safetensors"
FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')
"""Characters that some file system refuses in a name."""


@dataclass(frozen=True, kw_only=True)
class MergeRun:
    """How far a merge is."""

    id: str
    person: str
    task: Merge
    created: float
    status: str = WAITING
    done: int = 0
    total: int = 0
    """Tensors; 0 until it begins."""
    notices: tuple[str, ...] = ()
    error: Failed | None = None

    @property
    def fraction(self) -> float:
        """Share that is done, 0 to 1."""
        return 1.0 if self.status == FINISHED else self.done / max(1, self.total)


@dataclass(frozen=True)
class _Work:
    run: MergeRun
    cancel: Cancel = field(default_factory=Cancel)


class MergeDesk:
    """Takes merges and has the engine carry them out, between its other tasks.

    A merge waits while something is drawn. Those that are not finished end with the program, and
    leave nothing behind. Thread-safe.
    """

    def __init__(self, engine: Engine, paths: Paths) -> None:
        self._engine = engine
        self._paths = paths
        self._lock = threading.Lock()
        self._works: OrderedDict[str, _Work] = OrderedDict()
        self._waiting: list[str] = []
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, wish: Merge, person: str = "") -> MergeRun:
        """Put a merge in line. Raises InvalidRequest, NotFound for what cannot be meant."""
        task = self.complete(wish)
        run = MergeRun(id=new_id(), person=person, task=task, created=time.time())
        with self._lock:
            if self._closing:
                raise WebUIError("The program is closing.", "Start it again.")
            if len(self._waiting) >= MOST_WAITING:
                raise InvalidRequest("Too many merges wait already.", "Try again in a while.")
            self._works[run.id] = _Work(run)
            self._waiting.append(run.id)
            self._forget_old()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_all, name="merges", daemon=True)
                self._thread.start()
        return run

    def complete(self, wish: Merge) -> Merge:
        """`wish` with models by title and the result's file name. Raises as `submit` does."""
        check_limits(wish)
        known = ((wish.method, MERGE_METHODS, "method"), (wish.dtype, NUMBER_TYPES, "number type"))
        for value, choices, what in known:
            if value not in choices:
                raise NotFound(what, value, choices)
        catalogue = self._engine.catalogue()
        if wish.vae not in NO_VAE and wish.vae not in catalogue.vaes:
            raise NotFound("VAE", wish.vae, catalogue.vaes)
        found: dict[str, CheckpointInfo] = {}
        for letter in LETTERS[wish.method]:
            name = getattr(wish, letter)
            if not name.strip():
                raise InvalidRequest(
                    f"{wish.method} needs model {letter.upper()}.", "Choose a checkpoint for it."
                )
            found[letter] = find_checkpoint(name, catalogue.checkpoints)
        try:
            re.compile(wish.discard)
        except re.error as error:
            raise InvalidRequest(f"{wish.discard!r:.80} is no regular expression.") from error
        name = self._file_name(wish, found)
        a, b, c = (found[letter].title if letter in found else "" for letter in "abc")
        return replace(wish, name=name, a=a, b=b, c=c)

    def _file_name(self, wish: Merge, found: dict[str, CheckpointInfo]) -> str:
        """The result's, in the manner of A1111 if none was given."""
        stem = wish.name.strip().removesuffix(SUFFIX) or usual_name(wish, found)
        if FORBIDDEN.search(stem) or stem in (".", "..") or len(stem) > 200:
            raise InvalidRequest(
                f"{stem!r:.100} cannot be a file's name.",
                "Use letters, digits, spaces, dashes and dots.",
            )
        path = self._paths.checkpoints / f"{stem}{SUFFIX}"
        if path.exists() and not wish.overwrite:
            raise InvalidRequest(
                f"There is a model called {path.name} already.",
                "Choose another name, or tick that it may be replaced.",
            )
        if any(PurePath(one.path) == path for one in found.values()):
            raise InvalidRequest("A model cannot be replaced by what is made of it.")
        return path.name

    def find(self, run_id: str) -> MergeRun:
        """Describe a merge. Raises NotFound."""
        with self._lock:
            if run_id not in self._works:
                raise NotFound("merge", run_id)
            return self._works[run_id].run

    def runs(self) -> list[MergeRun]:
        """Every merge that is remembered, newest first."""
        with self._lock:
            return [work.run for work in self._works.values()][::-1]

    def stop(self, run_id: str) -> None:
        """End a merge; nothing of it stays. Harmless if it has ended. Raises NotFound."""
        self.find(run_id)
        with self._lock:
            waited = run_id in self._waiting
            if waited:
                self._waiting.remove(run_id)
            work = self._works[run_id]
        if waited:
            self._change(run_id, status=STOPPED)
        else:
            work.cancel.stop()

    def close(self) -> None:
        """End all work."""
        with self._lock:
            self._closing = True
            self._waiting.clear()
            thread = self._thread
            works = list(self._works.values())
        for work in works:
            work.cancel.stop()
        if thread is not None:
            thread.join(CLOSING_S)

    def _forget_old(self) -> None:
        ended = [one.run.id for one in self._works.values() if one.run.status in ENDED]
        for run_id in ended[: max(0, len(self._works) - REMEMBERED)]:
            del self._works[run_id]

    def _work_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                work = self._works[self._waiting.pop(0)]
            self._work(work)

    def _work(self, work: _Work) -> None:
        """Drive a merge to its ending, whatever happens."""
        run_id = work.run.id
        self._change(run_id, status=RUNNING)
        try:
            for event in self._engine.run(work.run.task, work.cancel):
                if isinstance(event, Progress):
                    self._change(run_id, done=event.step, total=event.steps)
                elif isinstance(event, Notice):
                    self._change(run_id, notices=(*self.find(run_id).notices, event.message))
            self._engine.catalogue(refresh=True)
            self._change(run_id, status=FINISHED)
        except Interrupted:
            self._change(run_id, status=STOPPED)
        except WebUIError as error:
            told = Failed(message=error.message, hint=error.hint)
            self._change(run_id, status=FAILED, error=told)
        except Exception:
            log.exception("Merge %s broke", run_id)
            told = Failed(message="Something broke inside the web UI.", hint="See the log.")
            self._change(run_id, status=FAILED, error=told)

    def _change(self, run_id: str, **changes: object) -> None:
        with self._lock:
            work = self._works[run_id]
            self._works[run_id] = replace(work, run=replace(work.run, **changes))  # type: ignore[arg-type]


def usual_name(wish: Merge, found: dict[str, CheckpointInfo]) -> str:
    """What A1111's merger calls a result: `0.7(A) + 0.3(B)`, `A + 0.3(B - C)`, or `A`."""
    names = {letter: PurePath(one.name).stem for letter, one in found.items()}
    share = wish.multiplier
    if wish.method == "Weighted sum":
        return f"{round(1 - share, 2):g}({names['a']}) + {share:g}({names['b']})"
    if wish.method == "Add difference":
        return f"{names['a']} + {share:g}({names['b']} - {names['c']})"
    return f"{names['a']}-copy"
