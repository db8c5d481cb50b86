"""Runs of Extras: many pictures, one after the other, with everybody able to watch."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from modules.engine.engine import Engine
from modules.errors import EngineDown, Interrupted, InvalidRequest, NotFound, WebUIError
from modules.schema.cancel import Cancel
from modules.schema.event import Failed
from modules.service.credentials import is_available, may_have_manifest
from modules.service.extras import EnlargedCache
from modules.service.extras_operations import ExtrasWish, Tools
from modules.service.extras_store import ExtrasRun, ExtrasStore, Work
from modules.service.extras_tools import tools_of
from modules.service.extras_work import ExtrasKeeper, Place, Source, check_wish
from modules.service.job import ENDED, FAILED, FINISHED, RUNNING, STOPPED, new_id
from modules.service.saving import FolderRefuses
from modules.service.scripts.limits import check_count
from modules.settings.settings import Settings

log = logging.getLogger(__name__)

REMEMBERED = 50
"""Runs that can still be looked at after they ended."""
MOST_SHOWN = 500
"""Results of a run that are listed; all are saved."""
MOST_WAITING = 100
CLOSING_S = 10.0
LOST = "{} carries Content Credentials, which its results do not have."


class ExtrasDesk:
    """Takes runs and works on them one at a time, in a thread that lives while there are any.

    Runs and results are on disk one by one; after the end of the program they go on. Thread-safe.
    """

    def __init__(
        self,
        engine: Engine,
        keeper: ExtrasKeeper,
        store: ExtrasStore,
        settings: Callable[[], Settings],
    ) -> None:
        """`settings` are those of the moment."""
        self._engine = engine
        self._keeper = keeper
        self._store = store
        self._settings = settings
        self._cache = EnlargedCache()
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, ExtrasRun] = OrderedDict()
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._now: Work | None = None
        self._picture = Cancel()
        """Of the picture at hand."""
        self._thread: threading.Thread | None = None
        self._bells: dict[str, list[Callable[[], None]]] = {}
        self._closing = False

    def adopt(self) -> None:
        """Remember the runs of an earlier process, and go on with what it left unfinished."""
        with self._lock:
            for run, work in self._store.load(REMEMBERED):
                self._runs[run.id] = run
                if run.status not in ENDED:
                    self._waiting[run.id] = work
            self._begin()

    def _begin(self) -> None:
        """Have somebody work if there is anything to do; with the lock held."""
        if self._waiting and self._thread is None:
            self._thread = threading.Thread(target=self._work_all, name="extras", daemon=True)
            self._thread.start()

    def submit(
        self,
        sources: Sequence[Source],
        wish: ExtrasWish,
        place: Place,
        *,
        tiling: tuple[int, int],
        shown: bool = True,
    ) -> ExtrasRun:
        """Put a run in line. `tiling` is side and overlap of tiles; `shown` lists the results.

        Raises InvalidRequest, NotFound.
        """
        if not sources:
            raise InvalidRequest("There is no picture.", "Choose one.")
        check_count(len(sources))
        check_wish(wish, self._engine.catalogue())
        run = ExtrasRun(id=new_id(), person=place.person, total=len(sources), created=time.time())
        work = Work(
            id=run.id, sources=tuple(sources), wish=wish, place=place, shown=shown, tiling=tiling
        )
        with self._lock:
            if self._closing:
                raise WebUIError("The program is closing.", "Start it again.")
            if len(self._waiting) >= MOST_WAITING:
                raise InvalidRequest("Too many runs wait already.", "Try again in a while.")
            self._store.add(run, work)
            self._runs[run.id] = run
            self._waiting[run.id] = work
            self._forget_old()
            self._begin()
        return run

    def _forget_old(self) -> None:
        ended = [one.id for one in self._runs.values() if one.status in ENDED]
        for run_id in ended[: max(0, len(self._runs) - REMEMBERED)]:
            del self._runs[run_id]
            self._store.forget(run_id)

    def find(self, run_id: str) -> ExtrasRun:
        """Describe a run. Raises NotFound."""
        with self._lock:
            if run_id not in self._runs:
                raise NotFound("run", run_id)
            return self._runs[run_id]

    def runs(self, person: str | None = None) -> list[ExtrasRun]:
        """Every run that is remembered, newest first; of one person, or of all."""
        with self._lock:
            found = [one for one in self._runs.values() if person in (None, one.person)]
        return found[::-1]

    def stop(self, run_id: str) -> None:
        """End a run; its results stay. Harmless if it has ended. Raises NotFound."""
        self.find(run_id)
        with self._lock:
            waited = self._waiting.pop(run_id, None)
            now, picture = self._now, self._picture
        if waited is not None:
            self._change(run_id, status=STOPPED)
        elif now is not None and now.id == run_id:
            now.cancel.stop()
            picture.stop()

    def skip(self, run_id: str) -> None:
        """Leave the picture at hand of a run and go on with the next. Raises NotFound."""
        self.find(run_id)
        with self._lock:
            now, picture = self._now, self._picture
        if now is not None and now.id == run_id:
            picture.skip()
            picture.stop()

    def close(self) -> None:
        """End all work; runs that have not ended go on after the next start."""
        with self._lock:
            self._closing = True
            self._waiting.clear()
            now, picture, thread = self._now, self._picture, self._thread
            bells = [bell for group in self._bells.values() for bell in group]
        if now is not None:
            now.cancel.stop()
            picture.stop()
        for bell in bells:
            bell()
        if thread is not None:
            thread.join(CLOSING_S)

    def _work_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._now = self._thread = None
                    return
                _, self._now = self._waiting.popitem(last=False)
                work = self._now
            try:
                self._work(work)
            except WebUIError as error:  # the disk takes no note of how it ended
                log.error("%s", error)

    def _work(self, work: Work) -> None:
        """Drive a run to its ending, whatever happens; without one if the program is closing."""
        try:
            self._change(work.id, status=RUNNING)
            worked = work.worked + sum(
                self._one(work, number) for number in range(work.done, len(work.sources))
            )
            run = self.find(work.id)
            if worked:
                self._change(work.id, status=FINISHED)
            else:
                reason = run.notices[0] if run.notices else "Nothing was made."
                self._change(work.id, status=FAILED, error=Failed(message=reason))
        except Interrupted:
            if not self._closing:
                self._change(work.id, status=STOPPED)
        except WebUIError as error:
            if not (self._closing and isinstance(error, EngineDown)):
                failed = Failed(message=error.message, hint=error.hint)
                self._change(work.id, status=FAILED, error=failed)
        except Exception:
            log.exception("Extras run %s broke", work.id)
            told = Failed(message="Something broke inside the web UI.", hint="See the log.")
            self._change(work.id, status=FAILED, error=told)

    def _one(self, work: Work, number: int) -> bool:
        """Work on one picture; whether that went well. Raises Interrupted, FolderRefuses."""
        if work.cancel.stopped:
            raise Interrupted("Stopped on request.")
        with self._lock:
            self._picture = Cancel()
        source, told, went_well = work.sources[number], self.find(work.id).notices, False
        try:
            self._each(work, number, self._picture)
            went_well = True
            signs = self._settings().recipe.sign and is_available()
            if not signs and may_have_manifest(source.path.read_bytes()):
                told = (*told, LOST.format(source.name))
        except FolderRefuses:
            raise
        except (WebUIError, OSError) as error:
            if self._picture.take_skip():
                told = (*told, f"{source.name} was skipped.")
            elif isinstance(error, Interrupted) or (
                self._closing and isinstance(error, EngineDown)
            ):
                raise
            else:
                told = (*told, f"{source.name}: {error}")
        self._store.did(work.id, number + 1, went_well)
        self._change(work.id, notices=told, done=number + 1, tile=0, tiles=0)
        return went_well

    def _each(self, work: Work, number: int, cancel: Cancel) -> None:
        """Keep every result for one picture; `cancel` leaves it."""
        place = replace(work.place, settings=self._settings())
        before = work.kept if number == work.done else 0
        made = self._keeper.work(
            work.sources[number], work.wish, self._tools(work, cancel), place, kept=before
        )
        for count, picture in enumerate(made, 1):
            if picture is not None:
                shown = self.find(work.id).pictures
                if work.shown and len(shown) < MOST_SHOWN:
                    shown = (*shown, picture)
                self._store.kept(work.id, count, shown)
                self._change(work.id, pictures=shown)
            if cancel.stopped:
                raise Interrupted("Stopped on request.")

    def _tools(self, work: Work, cancel: Cancel) -> Tools:
        """What operations ask of the engine, for one picture."""

        def tell(tile: int, tiles: int) -> None:
            self._change(work.id, tile=tile, tiles=tiles)

        settings, cache = self._settings(), self._cache
        return tools_of(self._engine, settings, work.tiling, cache=cache, cancel=cancel, tell=tell)

    def _change(self, run_id: str, **changes: object) -> None:
        with self._lock:
            before = self._runs[run_id]
            after = replace(before, **changes, change=before.change + 1)  # type: ignore[arg-type]
            self._runs[run_id] = after
            bells = list(self._bells.get(run_id, ()))
        if after.status != before.status or after.notices != before.notices:
            self._store.tell(after)
        for bell in bells:
            bell()

    async def follow(self, run_id: str, timeout: float) -> AsyncIterator[ExtrasRun | None]:
        """Yield a run now and whenever it changed, to its ending; None when nothing did so long.

        Raises NotFound.
        """
        loop, bell = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its followers with it
                loop.call_soon_threadsafe(bell.set)

        with self._lock:
            self._bells.setdefault(run_id, []).append(ring)
        try:
            seen = -1
            while not self._closing:
                bell.clear()
                run = self.find(run_id)
                yield run if run.change > seen else None
                seen = run.change
                if run.status in ENDED:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), timeout)
        finally:
            with self._lock:
                self._bells[run_id].remove(ring)
                if not self._bells[run_id]:
                    del self._bells[run_id]
