"""Runs of Extras: many pictures, one after the other, with everybody able to watch."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from modules.engine.engine import Engine
from modules.errors import Interrupted, InvalidRequest, NotFound, WebUIError
from modules.pipeline.resize import Picture as Pixels
from modules.schema.cancel import Cancel
from modules.schema.event import Failed
from modules.schema.hires_size import upscaler_names
from modules.service.enlarge import Enlarger
from modules.service.extras_work import ExtrasKeeper, ExtrasWish, Place, check_wish
from modules.service.job import ENDED, FAILED, FINISHED, RUNNING, STOPPED, WAITING, new_id
from modules.service.picture import Picture
from modules.service.saving import FolderRefuses
from modules.service.scripts.limits import check_count

log = logging.getLogger(__name__)

REMEMBERED = 50
"""Runs that can still be looked at after they ended."""
MOST_SHOWN = 500
"""Results of a run that are listed; all are saved."""
MOST_WAITING = 100
CLOSING_S = 10.0


@dataclass(frozen=True)
class Source:
    """A picture file by name, read when its turn has come."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, kw_only=True)
class ExtrasRun:
    """How far a run is."""

    id: str
    person: str
    total: int
    """Pictures that were handed in."""
    created: float
    status: str = WAITING
    done: int = 0
    tile: int = 0
    tiles: int = 0
    """Of the picture at hand; 0 if it is not cut up."""
    pictures: tuple[Picture, ...] = ()
    notices: tuple[str, ...] = ()
    error: Failed | None = None
    change: int = 0
    """Grows with everything that happens."""

    @property
    def fraction(self) -> float:
        """Share that is done, 0 to 1."""
        part = self.tile / self.tiles if self.tiles else 0.0
        return min(1.0, (self.done + part) / max(1, self.total))


@dataclass(frozen=True, kw_only=True)
class _Work:
    id: str
    sources: Sequence[Source]
    wish: ExtrasWish
    place: Place
    shown: bool
    tiling: tuple[int, int]
    cancel: Cancel = field(default_factory=Cancel)


class ExtrasDesk:
    """Takes runs and works on them one at a time, in a thread that lives while there are any.

    Results are on disk one by one; runs themselves are not, and end with the program. Thread-safe.
    """

    def __init__(self, engine: Engine, keeper: ExtrasKeeper) -> None:
        self._engine = engine
        self._keeper = keeper
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, ExtrasRun] = OrderedDict()
        self._waiting: OrderedDict[str, _Work] = OrderedDict()
        self._now: _Work | None = None
        self._thread: threading.Thread | None = None
        self._bells: dict[str, list[Callable[[], None]]] = {}
        self._closing = False

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
        check_wish(wish, list(upscaler_names(self._engine.catalogue())))
        run = ExtrasRun(id=new_id(), person=place.person, total=len(sources), created=time.time())
        work = _Work(id=run.id, sources=sources, wish=wish, place=place, shown=shown, tiling=tiling)
        with self._lock:
            if self._closing:
                raise WebUIError("The program is closing.", "Start it again.")
            if len(self._waiting) >= MOST_WAITING:
                raise InvalidRequest("Too many runs wait already.", "Try again in a while.")
            self._runs[run.id] = run
            self._waiting[run.id] = work
            self._forget_old()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_all, name="extras", daemon=True)
                self._thread.start()
        return run

    def _forget_old(self) -> None:
        ended = [one.id for one in self._runs.values() if one.status in ENDED]
        for run_id in ended[: max(0, len(self._runs) - REMEMBERED)]:
            del self._runs[run_id]

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
            now = self._now
        if waited is not None:
            self._change(run_id, status=STOPPED)
        elif now is not None and now.id == run_id:
            now.cancel.stop()

    def close(self) -> None:
        """End all work."""
        with self._lock:
            self._closing = True
            self._waiting.clear()
            now, thread = self._now, self._thread
            bells = [bell for group in self._bells.values() for bell in group]
        if now is not None:
            now.cancel.stop()
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
            self._work(work)

    def _work(self, work: _Work) -> None:
        """Drive a run to its ending, whatever happens."""
        self._change(work.id, status=RUNNING)
        try:
            worked = sum(self._one(work, source) for source in work.sources)
            run = self.find(work.id)
            if worked:
                self._change(work.id, status=FINISHED)
            else:
                reason = run.notices[0] if run.notices else "Nothing was made."
                self._change(work.id, status=FAILED, error=Failed(message=reason))
        except Interrupted:
            self._change(work.id, status=STOPPED)
        except WebUIError as error:
            self._change(
                work.id, status=FAILED, error=Failed(message=error.message, hint=error.hint)
            )
        except Exception:
            log.exception("Extras run %s broke", work.id)
            told = Failed(message="Something broke inside the web UI.", hint="See the log.")
            self._change(work.id, status=FAILED, error=told)

    def _one(self, work: _Work, source: Source) -> bool:
        """Work on one picture; whether that went well. Raises Interrupted, FolderRefuses."""
        enlarger = Enlarger(self._engine, *work.tiling)

        def tell(tile: int, tiles: int) -> None:
            self._change(work.id, tile=tile, tiles=tiles)

        def enlarge(picture: Pixels, factor: float, upscaler: str) -> Pixels:
            return enlarger(picture, factor, upscaler, work.cancel, tell)

        try:
            for picture in self._results(work, source, enlarge):
                shown = self.find(work.id).pictures
                if work.shown and len(shown) < MOST_SHOWN:
                    self._change(work.id, pictures=(*shown, picture))
        except (Interrupted, FolderRefuses):
            raise
        except (WebUIError, OSError) as error:
            told = (*self.find(work.id).notices, f"{source.name}: {error}")
            self._change(work.id, notices=told, done=self.find(work.id).done + 1, tile=0, tiles=0)
            return False
        self._change(work.id, done=self.find(work.id).done + 1, tile=0, tiles=0)
        return True

    def _results(
        self, work: _Work, source: Source, enlarge: Callable[[Pixels, float, str], Pixels]
    ) -> Iterator[Picture]:
        if work.cancel.stopped:
            raise Interrupted("Stopped on request.")
        made = self._keeper.work(source.read(), source.name, work.wish, enlarge, work.place)
        for picture in made:
            yield picture
            if work.cancel.stopped:
                raise Interrupted("Stopped on request.")

    def _change(self, run_id: str, **changes: object) -> None:
        with self._lock:
            before = self._runs[run_id]
            self._runs[run_id] = replace(before, **changes, change=before.change + 1)  # type: ignore[arg-type]
            bells = list(self._bells.get(run_id, ()))
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
