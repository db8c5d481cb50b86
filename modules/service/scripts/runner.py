"""Plays a script: its cells are jobs of their own, its own job tells of all of them."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from modules.errors import EngineDown, Interrupted, WebUIError
from modules.schema.event import (
    Event,
    Failed,
    Finished,
    ImageReady,
    Loading,
    Notice,
    Preview,
    Progress,
    Started,
    Stopped,
)
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage
from modules.schema.tasks import Look
from modules.service.complete import complete_request
from modules.service.drawing import Workplace, draw_all, learned
from modules.service.enlarge import Enlarger
from modules.service.formats import encode, from_pillow, to_pillow
from modules.service.job import FAILED, Job, new_id
from modules.service.picture_tools import PictureTools
from modules.service.queue import CellRow
from modules.service.screening import looked
from modules.service.scripts.catalogue import make_call, script_of
from modules.service.scripts.plot_page import PlotPage
from modules.service.scripts.script import Cell, Drawn, Play, Sheet
from modules.service.wording import with_words
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

LOSSLESS = ("png",)
"""Formats whose files hold the very pixels that were drawn."""


def run_script(job: Job, place: Workplace) -> None:
    """Draw the cells of `job`'s script that are not finished, then save what it makes of them.

    Raises Interrupted if the job is stopped, held, or the program closes; WebUIError if the script
    cannot go on.
    """
    script = script_of(job.task)
    assert script is not None
    call = make_call(job.task, place.engine.catalogue(), job.settings, place.paths)
    pictures = job.task.pictures
    enlarger = Enlarger(place.engine, pictures.tile, pictures.tile_overlap)
    tools = PictureTools(place.engine, job.cancel)
    call = replace(
        call,
        enlarge=partial(enlarger, cancel=job.cancel),
        describe=partial(tools.describe, wish=job.settings.describing),
    )
    run = _Run(job, place, script.batches(call) if script.batches is not None else 0)
    run.play(script.play(call))


def forget_script(job: Job, place: Workplace) -> None:
    """Tidy up after the ending of a script's job."""
    for row in place.queue.cells(job.id).values():
        if not row.ended:
            place.journal.append(row.id, Stopped())
        place.queue.forget(row.id)
    shutil.rmtree(_workshop(job, place), ignore_errors=True)


def _workshop(job: Job, place: Workplace) -> Path:
    """Where exact pixels are kept that the saved files do not have."""
    return place.paths.cache / "scripts" / job.id


class _Run:
    """One play of a job's script, from the first cell even if an earlier process has begun it."""

    def __init__(self, job: Job, place: Workplace, batches: int) -> None:
        self.job, self.place = job, place
        self.rows = place.queue.cells(job.id)
        self.told = [
            entry.event.image.id
            for entry in place.journal.since(job.id)
            if isinstance(entry.event, ImageReady)
        ]
        """Ids of the pictures that the job's followers know of."""
        self.notices = {
            entry.event.message
            for entry in place.journal.since(job.id)
            if isinstance(entry.event, Notice)
        }
        self.failure: WebUIError | None = None
        """Why the first part that failed did so."""
        self.number = 0
        """Cells played so far."""
        self.shown = 0
        self.own = set[str]()
        """Ids of the cells' pictures."""
        self.done, self.drawn_now, self.expected = 0, 0, batches
        self.began = time.monotonic()
        self.drawing: Job | None = None
        job.cancel.watch(self._pass_on)

    def _pass_on(self, button: str) -> None:
        """What is pressed for the script is pressed for the cell being drawn."""
        cell = self.drawing
        if cell is not None:
            (cell.cancel.stop if button == "stop" else cell.cancel.skip)()

    def play(self, play: Play) -> None:
        """Go through the whole script."""
        job, journal = self.job, self.place.journal
        journal.append(job.id, Started(images=max(1, self.expected)))
        sheets: Sequence[Sheet] = ()
        stopped = False
        try:
            cells = next(play)
            while not stopped:
                results, stopped = self._draw_list(cells)
                cells = play.send(results)
            play.close()
        except StopIteration as ending:
            sheets = ending.value or ()
        if self.failure is not None and not (self.shown or sheets):
            raise self.failure
        self._save(sheets)
        if stopped:
            raise Interrupted("Stopped on request.")

    def _draw_list(self, cells: Sequence[Cell]) -> tuple[list[Drawn], bool]:
        """Draw what is not drawn yet; the second value tells if a stop left something undrawn."""
        self.expected = max(
            self.expected, self.done + sum(cell.request.batch.n_iter for cell in cells)
        )
        results: list[Drawn] = []
        cut = False
        for cell in cells:
            if self.job.cancel.stopped and self._leaving():
                raise Interrupted("Stopped on request.")
            if self.job.cancel.stopped:
                results.append(Drawn(request=cell.request))
                cut = True
                continue
            drawn = self._draw(cell)
            results.append(drawn)
            self.failure = self.failure or drawn.error
            self.done += cell.request.batch.n_iter
            self.job.cancel.take_skip()
            cut = cut or (self.job.cancel.stopped and len(drawn.images) < cell.request.batch.total)
        return results, cut

    def _leaving(self) -> bool:
        """Whether the job goes on later."""
        return self.place.closing.is_set() or self.job.parked.is_set()

    def _draw(self, cell: Cell) -> Drawn:
        """Draw one cell, or take what an earlier play drew."""
        row = self.rows.get(self.number)
        if cell.problem is not None:
            self.number += 1
            self._tell(str(cell.problem))
            return Drawn(request=cell.request, error=cell.problem)
        try:
            job = self._job_of(cell, row)
        except WebUIError as error:  # this request cannot be drawn here
            self.number += 1
            self._tell(f"Part {self.number} could not be drawn: {error}")
            return Drawn(request=cell.request, error=error)
        self.number += 1
        failure: WebUIError | None = None
        if row is None or not row.ended:
            failure = self._drive(job, cell)
        elif row.state == FAILED:
            failure = self._failure(job)
        images, files = self._pictures(job, cell)
        if failure is not None:
            images, files = (), ()
        return Drawn(request=job.task, images=images, files=files, error=failure)

    def _job_of(self, cell: Cell, row: CellRow | None) -> Job:
        if row is not None:
            return replace(self.place.queue.find(row.id), facts=cell.facts, stem=cell.stem)
        if cell.notice:
            self._tell(cell.notice)
        catalogue, plain = self.place.engine.catalogue(), replace(cell.request, script=None)
        job = replace(
            self.job,
            id=new_id(),
            task=with_words(complete_request(plain, catalogue), self.place.paths),
            save=self.job.save and cell.keep,
            created=time.time(),
            parent=self.job.id,
            forever=False,
            settings=cell.settings or self.job.settings,
            facts=cell.facts,
            stem=cell.stem,
            cancel=type(self.job.cancel)(),
            parked=type(self.job.parked)(),
        )
        self.place.queue.add_cell(job, self.number)
        return job

    def _drive(self, job: Job, cell: Cell) -> WebUIError | None:
        """Draw a cell to its ending; returns why it failed."""
        ending: Event = Finished()
        failure: WebUIError | None = None
        before = self.place.journal.next_image(job.id)
        self.drawing = job
        try:
            if self.job.cancel.stopped:  # pressed before there was a cell to pass it on to
                job.cancel.stop()
            draw_all(job, self.place, lambda event, pixels: self._heard(job, cell, event, pixels))
        except Interrupted:
            if self._leaving():
                raise
            ending = Stopped()
        except WebUIError as error:
            if self.place.closing.is_set() and isinstance(error, EngineDown):
                raise
            log.warning("Cell %d of job %s failed: %s", self.number, self.job.id, error)
            ending, failure = Failed(message=error.message, hint=error.hint), error
            self._tell(f"Part {self.number} could not be drawn: {error}")
        finally:
            self.drawing = None
            self.place.queue.forget(job.id)
        self.drawn_now += max(0, self.place.journal.next_image(job.id) - before)
        also = learned(job, self.place, finished=isinstance(ending, Finished))
        also += (self.place.queue.lightened(job),)
        self.place.journal.append(job.id, ending, also=also)
        return failure

    def _heard(self, job: Job, cell: Cell, event: Event, pixels: ImageData | None) -> None:
        """Tell the script's followers what happened in a cell."""
        journal = self.place.journal
        if isinstance(event, Progress):
            journal.append(self.job.id, self._overall(event))
        elif isinstance(event, Preview | Loading | Notice):
            journal.append(self.job.id, event)
        elif isinstance(event, ImageReady):
            lossy = job.settings.saving.format not in LOSSLESS
            if pixels is not None and lossy and event.image.kind == "image":
                self._put_aside(job, event.image, pixels)
            self._show(event.image, cell)

    def _overall(self, event: Progress) -> Progress:
        """A cell's progress as that of the whole script."""
        here = event.batch + event.step / max(1, event.steps)
        batches = max(self.expected, self.done + event.batches)
        finished_now = self.drawn_now + here
        rate = (time.monotonic() - self.began) / finished_now if finished_now else 0.0
        return Progress(
            step=event.step,
            steps=event.steps,
            batch=self.done + event.batch,
            batches=batches,
            eta_s=max(event.eta_s, rate * (batches - self.done - here)),
        )

    def _show(self, image: GeneratedImage, cell: Cell) -> None:
        """Let followers see a cell's picture, once, if it is one to be seen."""
        self.own.add(image.id)
        if not (cell.keep or cell.shown):
            return
        if image.id not in self.told:
            kind = image.kind if cell.shown else "cell"
            seen = replace(image, index=self.shown, kind=kind)
            self.place.journal.append(self.job.id, ImageReady(image=seen))
            self.told.append(image.id)
        self.shown += 1

    def _pictures(
        self, job: Job, cell: Cell
    ) -> tuple[tuple[GeneratedImage, ...], tuple[Path, ...]]:
        """A cell's pictures with where their exact pixels are; followers get to know them."""
        found = [
            entry.event.image
            for entry in self.place.journal.since(job.id)
            if isinstance(entry.event, ImageReady) and entry.event.image.kind == "image"
        ]
        for image in found:
            if image.id not in self.own:
                self._show(image, cell)
        aside = [self._aside(job, image) for image in found]
        files = [
            exact if exact.is_file() else self.place.gallery.find(image.id).path
            for exact, image in zip(aside, found, strict=True)
        ]
        return tuple(found), tuple(files)

    def _aside(self, job: Job, image: GeneratedImage) -> Path:
        return _workshop(self.job, self.place) / f"{job.id}-{image.index:05}.png"

    def _put_aside(self, job: Job, image: GeneratedImage, pixels: ImageData) -> None:
        path = self._aside(job, image)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, encode(pixels, "", "png").data)
        except OSError as error:
            log.warning("The script goes on with saved files: %s", error)

    def _failure(self, job: Job) -> WebUIError:
        events = [entry.event for entry in self.place.journal.since(job.id)]
        ending = events[-1] if events else None
        assert isinstance(ending, Failed), "a failed job ends with why"
        return WebUIError(ending.message, ending.hint)

    def _tell(self, message: str) -> None:
        """Let followers know something, once even if the script is played again."""
        if message not in self.notices:
            self.notices.add(message)
            self.place.journal.append(self.job.id, Notice(message=message))

    def _save(self, sheets: Sequence[Sheet]) -> None:
        """Save what the script put together; what an earlier play saved is not saved again."""
        known = [one for one in self.told if one not in self.own]
        for sheet in sheets[len(known) :]:
            if not sheet.base:  # one with a name is a grid of pictures that were looked at
                sheet = self._looked(sheet)
            kept = self.place.gallery.keep_sheet(sheet, self.job, self.shown)
            self.shown += 1
            if sheet.page is not None:
                self._write_page(sheet.page, Path(kept.image.path))
            self.place.journal.append(
                self.job.id, ImageReady(image=kept.image), also=kept.statements
            )

    def _write_page(self, page: PlotPage, beside: Path) -> None:
        try:
            write_atomically(beside.with_suffix(".html"), page.html())
        except OSError as error:
            self._tell(f"The page beside the plot could not be written: {error}")

    def _looked(self, sheet: Sheet) -> Sheet:
        """A picture that the script put together, treated like one that was drawn."""
        task = Look(image=from_pillow(sheet.picture), watermark=self.job.task.watermark)
        seen = looked(self.place.engine, task)
        for message in seen.notices:
            self._tell(message)
        return replace(sheet, picture=to_pillow(seen.image), facts=(*sheet.facts, *seen.facts))
