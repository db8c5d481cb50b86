"""An engine in a child process: a crash there costs one attempt at one job, and never the page.

The child is spawned, not forked, so it shares nothing with the server; orders, events and errors
cross one pipe as pickled plain data. When it dies, whatever was running fails with EngineDown and
a new child starts.
"""

import itertools
import logging
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path

from modules.engine import child as child_side
from modules.engine.background import ReadAhead
from modules.engine.messages import (
    Close,
    Done,
    EngineSpec,
    Happened,
    Press,
    Run,
    StatusIs,
    Unload,
    Warm,
)
from modules.errors import EngineDown
from modules.extension.plan import Plan
from modules.model.catalogue import files_of
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.event import Event
from modules.schema.tasks import AnyTask

log = logging.getLogger(__name__)

KILLED = 9
"""The signal nothing can catch."""
CLOSING_S = 5.0
"""Seconds a child gets to end by itself before it is killed."""


class ProcessEngine:
    """Runs the engine described by `spec` in a child process, and restarts it when it dies.

    `list_models(refresh)` answers `catalogue` here, so that listing never waits for a picture.
    """

    slots = 1

    def __init__(self, spec: EngineSpec, list_models: Callable[[bool], Catalogue]) -> None:
        self._spec = spec
        self._list_models = list_models
        self._lock = threading.Lock()
        self._link: _Link | None = None
        self._starts = 0
        self._closed = False
        self._outdated = False
        """Whether the child is to be replaced when it has nothing to do."""
        self._warm_with: str | None = None
        self._read_ahead = ReadAhead()

    def warm(self, checkpoint: str) -> None:
        """Start the child now and have it load `checkpoint` in the background."""
        self._warm_with = checkpoint
        self._connected().send(Warm(checkpoint))

    def run(self, task: AnyTask, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Carry out `task` in the child. Raises EngineDown if it dies on the way."""
        link = self._connected()
        number, inbox = link.begin()
        link.send(Run(number, task, start_image))
        cancel.watch(lambda what: link.send(Press(number, what)))
        over = False
        try:
            while not over:
                message = inbox.get()
                if isinstance(message, Happened):
                    yield message.event
                else:
                    over = True
                    if message.error is not None:
                        raise message.error
        finally:
            link.end(number)
            if not over:  # whoever iterated has left: the child need not go on
                link.send(Press(number, "stop"))
            if self._outdated:
                self._renew()

    def _connected(self) -> "_Link":
        with self._lock:
            if self._closed:
                raise EngineDown("The program is closing.")
            if self._link is None or self._link.down:
                self._starts += 1
                self._link = _Link(self._spec, self._after_death)
            return self._link

    def _after_death(self, was_ready: bool, did_something: bool) -> None:
        """Start the next child at once, unless the last one never came up.

        It loads a checkpoint in advance only if the last one got through an order: loading may be
        what killed it.
        """
        if self._closed or not was_ready:
            return
        log.warning("The drawing process ended unexpectedly; starting another")
        try:
            link = self._connected()
        except EngineDown:
            log.debug("Closing: no new drawing process")
            return
        if did_something and self._warm_with is not None:
            link.send(Warm(self._warm_with))

    def expect(self, path: str) -> None:
        """Have a checkpoint's files read: here, as it fills the cache of the whole machine."""
        self._read_ahead.expect(list(files_of(Path(path))))

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List models without asking the child."""
        return self._list_models(refresh)

    def status(self) -> EngineStatus:
        """Report what the child last said about itself."""
        link, restarts = self._link, max(0, self._starts - 1)
        if link is None:
            return EngineStatus(state="down" if self._closed else "cold")
        return replace(link.status, restarts=restarts, pid=link.pid)

    def use_extensions(self, plan: Plan) -> None:
        """Start another child with these extensions, once the one at work is done."""
        options = {**self._spec.options, "extensions": plan}
        with self._lock:
            self._spec = replace(self._spec, options=options)
            link = self._link
            self._outdated = link is not None and not link.down
        if link is not None and not link.at_work:
            self._renew()

    def _renew(self) -> None:
        """End the child that has other extensions; the next begins at once."""
        with self._lock:
            link = self._link
            if not self._outdated or self._closed or link is None or link.at_work:
                return
            self._outdated, self._link = False, None
            self._starts -= 1
        link.leave()
        if self._warm_with is not None:
            self.warm(self._warm_with)

    def unload(self) -> None:
        """Have the child give up its models, after the task it is at."""
        link = self._link
        if link is not None and not link.down:
            link.send(Unload())

    def close(self) -> None:
        """End the child, at once if it does not listen."""
        self._read_ahead.expect([])
        with self._lock:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close()


class _Link:
    """One child process and the parent's end of its pipe."""

    def __init__(self, spec: EngineSpec, after_death: Callable[[bool, bool], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=child_side.serve, args=(theirs, spec), name="easel-engine", daemon=True
        )
        self._process.start()
        theirs.close()
        self._after_death = after_death
        self._status = EngineStatus(state="starting")
        self._ready = self._did_something = False
        self.down = False
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._inboxes: dict[int, queue.SimpleQueue[Happened | Done]] = {}
        threading.Thread(target=self._listen, name="engine-events", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid or 0

    @property
    def status(self) -> EngineStatus:
        """What the child last said, and whether it is at work."""
        with self._lock:
            if self.down:
                return EngineStatus(state="down")
            busy = self._ready and self._inboxes
            return replace(self._status, state="busy") if busy else self._status

    @property
    def at_work(self) -> bool:
        """Whether somebody waits for its answers."""
        with self._lock:
            return bool(self._inboxes)

    def leave(self) -> None:
        """End the child on purpose; nobody is to start another because of it."""
        self._after_death = lambda was_ready, did_something: None
        self.close()

    def begin(self) -> tuple[int, "queue.SimpleQueue[Happened | Done]"]:
        """Make room for the events of a new run."""
        with self._lock:
            number = next(self._numbers)
            inbox: queue.SimpleQueue[Happened | Done] = queue.SimpleQueue()
            self._inboxes[number] = inbox
            if self.down:
                inbox.put(Done(number, self._obituary()))
            return number, inbox

    def end(self, number: int) -> None:
        """Forget a run; events that still come are dropped."""
        with self._lock:
            self._inboxes.pop(number, None)

    def send(self, message: Run | Press | Warm | Unload | Close) -> None:
        """Tell the child; if it is dead, its reader thread says so to whom it concerns."""
        try:
            with self._lock:
                self._pipe.send(message)
        except OSError:
            log.debug("%s could not be sent: the child is gone", type(message).__name__)

    def _listen(self) -> None:
        try:
            while True:
                self._receive(self._pipe.recv())
        except (EOFError, OSError):
            self._process.join(CLOSING_S)
        with self._lock:
            self.down = True
            for number, inbox in self._inboxes.items():
                inbox.put(Done(number, self._obituary()))
        self._after_death(self._ready, self._did_something)

    def _receive(self, message: Happened | Done | StatusIs) -> None:
        with self._lock:
            if isinstance(message, StatusIs):
                self._did_something = self._ready  # the first report comes before any order
                self._status, self._ready = message.status, True
            elif message.id in self._inboxes:
                self._inboxes[message.id].put(message)

    def _obituary(self) -> EngineDown:
        code = self._process.exitcode
        if code is None:
            return EngineDown("The process that draws cannot be reached.", HINT)
        if code == -KILLED:
            return EngineDown(
                "The process that draws was killed, as the system does when memory runs out.",
                "Try a smaller picture or batch. " + HINT,
            )
        if code < 0:
            return EngineDown(f"The process that draws crashed ({_signal_name(-code)}).", HINT)
        if not self._ready:
            return EngineDown(
                f"The process that draws could not start (exit code {code}).",
                "The log says why; often a package is missing or broken.",
            )
        return EngineDown(f"The process that draws ended (exit code {code}).", HINT)

    def close(self) -> None:
        """Ask the child to end, then make it."""
        self.send(Close())
        self._process.join(CLOSING_S if self._ready else 0.1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(CLOSING_S)
        self._pipe.close()


HINT = "It starts again by itself; the log has the details."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
