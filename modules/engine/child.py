"""The drawing process: one engine, driven through a pipe by the process that started it.

It never outlives its parent. A thread reads the pipe all the time, so a press of "stop" arrives
while a step is being computed, and the end of the pipe (the parent closed it or died) ends the
process at once.
"""

import gc
import logging
import multiprocessing
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection

from modules.engine.engine import Engine
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
from modules.errors import WebUIError
from modules.log import set_up_logging
from modules.schema.cancel import Cancel
from modules.schema.event import Progress
from modules.threads import wait_quietly

log = logging.getLogger(__name__)

Order = Run | Warm | Unload | Close


def serve(pipe: Connection, spec: EngineSpec) -> None:
    """Make the engine and carry out orders until told to close. Runs in the child's main thread."""
    gc.disable()  # what is made until the first order is done stays: see `Child.loop`
    set_up_logging(spec.log_level)
    wait_quietly()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's business
    Child(pipe, spec).loop()


class Child:
    """The child's end of the pipe."""

    def __init__(self, pipe: Connection, spec: EngineSpec) -> None:
        self._pipe = pipe
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._cancels: dict[int, Cancel] = {}
        self._sending = threading.Lock()
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        self._engine: Engine = spec.make()

    def loop(self) -> None:
        """Carry out orders one after another.

        Until the first draws, hundreds of modules are imported and a model is made, and looking for
        what could be thrown away costs a sixth of that.
        """
        self._tell_status()
        while True:
            order = self._orders.get()
            if isinstance(order, Close):
                self._engine.close()
                return
            if isinstance(order, Run):
                self._run(order)
            elif isinstance(order, Warm):
                self._warm(order)
            else:
                self._engine.unload()
            gc.enable()
            self._tell_status()

    def _run(self, order: Run) -> None:
        cancel = self._cancels[order.id]
        error: WebUIError | None = None
        try:
            for event in self._engine.run(order.task, cancel, order.start_image):
                self._send(Happened(order.id, event))
                if isinstance(event, Progress):
                    gc.enable()  # a first order may take hours
        except WebUIError as known:
            error = known
        except Exception as unknown:
            log.exception("A task broke")
            error = WebUIError(
                f"Drawing failed: {type(unknown).__name__}: {unknown}",
                "This is a mistake in the program; the log has the details.",
            )
        del self._cancels[order.id]
        self._tell_status()  # before the ending, so that it tells what this task has needed
        self._send(Done(order.id, error))

    def _warm(self, order: Warm) -> None:
        try:
            self._engine.warm(order.checkpoint)
        except WebUIError as error:
            log.warning("Could not get ready: %s", error)
        except Exception:
            log.exception("Could not get ready")

    def _tell_status(self) -> None:
        self._send(StatusIs(self._engine.status()))

    def _send(self, message: Happened | Done | StatusIs) -> None:
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:
            os._exit(0)

    def _listen(self) -> None:
        parent = multiprocessing.parent_process()
        try:
            while True:
                if not self._pipe.poll(2.0):
                    if parent is not None and not parent.is_alive():
                        break
                    continue
                self._receive(self._pipe.recv())
        except (EOFError, OSError):
            log.debug("The parent is gone")
        os._exit(0)

    def _receive(self, message: Order | Press) -> None:
        if isinstance(message, Press):
            cancel = self._cancels.get(message.id)
            if cancel is not None:
                cancel.stop() if message.what == "stop" else cancel.skip()
            return
        if isinstance(message, Run):
            self._cancels[message.id] = Cancel()
        self._orders.put(message)
