"""Finished pictures: saved the moment they are done, found again by id."""

import itertools
import logging
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from modules.errors import NotFound, WebUIError
from modules.paths import Paths
from modules.schema.infotext import write_infotext
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage
from modules.service.database import Database, Statement
from modules.service.facts import describing, moment_of
from modules.service.formats import Encoded, encode, from_pillow
from modules.service.grid import grid_rows, image_grid, save_grid, wants_grid
from modules.service.inputs import KEY, SHOWN, InputStore, for_picture
from modules.service.job import Job, new_id
from modules.service.names import Naming
from modules.service.picture import BLANK, Picture, inserting, picture_of, to_signed
from modules.service.provenance import inside, source_of
from modules.service.read_picture import recipe_of
from modules.service.recipe import applies_to
from modules.service.saving import (
    FolderRefuses,
    Kind,
    cannot_write,
    folder_for,
    save_encoded,
    save_image,
    trouble_in,
)
from modules.service.scripts.script import Sheet
from modules.service.sealing import Seal
from modules.service.thumbnails import thumbnail_of
from modules.settings.files import write_atomically
from modules.version import RECIPE_VERSION

log = logging.getLogger(__name__)

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
RECENT = 1000
ROOM = 3
"""How many times its pixels' bytes must be free before a picture is begun."""
UNSAVED_DAYS = 2.0
"""How long pictures of jobs that are not saved can still be fetched."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture on disk, with what must be written to the database together with its event."""

    image: GeneratedImage
    statements: tuple[Statement, ...]
    problem: WebUIError | None = None
    """Why it is not where it should be; it is on disk in any case."""


class Moved(NamedTuple):
    """A picture that has come home: what to write into the database, then what to delete."""

    statement: Statement
    old: Path

    def tidy(self) -> None:
        """Delete the picture where it was."""
        try:
            self.old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s could not be deleted: %s", self.old, error)


class Gallery:
    """Writes pictures to disk and finds them again. Thread-safe."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self._database = database
        self._paths = paths
        self.inputs = InputStore(database, paths.inputs)
        self._seal = Seal(paths.credentials)
        self._thumbnails = paths.cache / "thumbnails"
        self._unsaved = paths.cache / "unsaved"
        self._shelters = (paths.cache / "rescued", Path(tempfile.gettempdir()) / "easel-rescued")
        self._recent: OrderedDict[str, Picture] = OrderedDict()
        """The newest pictures; their rows may not have reached a disk that is full."""
        self._moving = threading.Lock()
        self._numbers = itertools.count(time.time_ns() & 0xFFFF)

    def keep(self, drawn: GeneratedImage, job: Job, *, look_first: bool = False) -> Kept:
        """Write a picture with its recipe; it is on disk when this returns.

        With `look_first`, a file that holds it already but that nobody knows of is taken instead.
        If the folder for outputs cannot be written, the picture goes to `tmp/rescued`, or else to
        the system's temporary folder, and `problem` says so. Raises WebUIError if all that fails.
        """
        digests = self._keep_inputs(drawn, job)
        if digests:
            drawn = replace(drawn, facts=(*drawn.facts, (KEY, digests[0][:SHOWN])))
        kept = self._keep(drawn, job, look_first=look_first)
        needing = self.inputs.needing(kept.image.id, digests)
        return replace(kept, statements=(*kept.statements, *needing))

    def _keep_inputs(self, drawn: GeneratedImage, job: Job) -> tuple[str, ...]:
        """Keep what a picture was drawn from, if it is saved itself; returns the hashes."""
        settings = job.settings
        kept = job.save and settings.saving.save and settings.recipe.inputs
        if not kept or drawn.kind == "map":
            return ()
        try:
            return self.inputs.keep(for_picture(job.task, drawn.index))
        except OSError as error:
            log.warning("What picture %s was drawn from is not kept: %s", drawn.index, error)
            return ()

    def _keep(self, drawn: GeneratedImage, job: Job, *, look_first: bool) -> Kept:
        assert drawn.image is not None, "engines send pixels"
        is_map = drawn.kind == "map"
        infotext = "" if is_map else self.recipe(drawn, job)
        unwanted = is_map and not job.settings.control.save_maps
        if unwanted or not job.save or not job.settings.saving.save:
            return self._kept(
                drawn, job, infotext, self._write(drawn, infotext, self._unsaved, job)
            )
        try:
            folder = self._folder(job)
            path = self._stray(folder, infotext, job) if look_first else None
            if path is None:
                path = save_image(
                    drawn.image,
                    infotext,
                    folder=folder,
                    settings=job.settings,
                    naming=naming_of(job, drawn),
                    source="" if is_map else source_of(job.task),
                    seal=None if is_map else self._seal,
                )
        except WebUIError as error:
            path = self._rescue(drawn, infotext, job)
            problem = type(error)(
                f"{error.message} The picture was kept as {path.name} in {path.parent}.", error.hint
            )
            return replace(self._kept(drawn, job, infotext, path), problem=problem)
        return self._kept(drawn, job, infotext, path)

    def trouble(self, job: Job) -> FolderRefuses | None:
        """Why the disk would not take the job's next picture; None if there is no reason."""
        if not job.save or not job.settings.saving.save:
            return None
        size = job.task.size
        return trouble_in(self._folder(job), ROOM * 3 * size.width * size.height)

    def bring_home(self, find: Callable[[str], Job]) -> tuple[list[Moved], FolderRefuses | None]:
        """Copy pictures that a full disk sent elsewhere to where they belong.

        `find` gives the job of an id. Returns what was copied, and what the disk said if it
        refused again.
        """
        with self._moving:
            return self._bring_home(find)

    def _bring_home(self, find: Callable[[str], Job]) -> tuple[list[Moved], FolderRefuses | None]:
        moved: list[Moved] = []
        for picture in self._away():
            try:
                path = self._copy_home(picture, find(picture.job))
            except FolderRefuses as refusal:
                return moved, refusal
            except (WebUIError, OSError) as error:
                log.warning("%s stays where it is: %s", picture.path, error)
                continue
            self._recent[picture.id] = replace(picture, path=path)
            update = ("UPDATE images SET path = ? WHERE id = ?", (str(path), picture.id))
            moved.append(Moved(update, picture.path))
        return moved, None

    def _away(self) -> list[Picture]:
        """Pictures that lie in a shelter."""
        found: dict[str, Picture] = {}
        for shelter in self._shelters:
            sql = "SELECT * FROM images WHERE path >= ? AND path < ?"
            edges = (f"{shelter}/", f"{shelter}0")  # "0" follows "/"
            found |= {row["id"]: picture_of(row) for row in self._database.rows(sql, edges)}
        found |= self._recent
        away = [one for one in found.values() if one.path.parent in self._shelters]
        return sorted(away, key=lambda one: one.moment)

    def _copy_home(self, picture: Picture, job: Job) -> Path:
        drawn = GeneratedImage(
            index=picture.position,
            seed=picture.seed,
            subseed=job.task.seeds.subseed,
            prompt=job.task.wording(picture.position).prompt,
            negative_prompt=job.task.wording(picture.position).negative_prompt,
            width=picture.width,
            height=picture.height,
        )
        encoded = Encoded(picture.path.read_bytes(), picture.path.suffix)
        naming = naming_of(job, drawn)
        return save_encoded(encoded, folder=self._folder(job), settings=job.settings, naming=naming)

    def _folder(self, job: Job, *, grid: bool = False) -> Path:
        kind: Kind = "img2img" if job.task.img2img is not None else "txt2img"
        return folder_for(job.settings, self._paths, kind, grid=grid, person=job.person)

    def _rescue(self, drawn: GeneratedImage, infotext: str, job: Job) -> Path:
        """Write a picture wherever there is room. Raises the last folder's WebUIError."""
        *most, last = self._shelters
        for folder in most:
            try:
                return self._write(drawn, infotext, folder, job)
            except WebUIError as error:
                log.warning("%s", error)
        return self._write(drawn, infotext, last, job)

    def _stray(self, folder: Path, infotext: str, job: Job) -> Path | None:
        """Find a file with this recipe, written since the job began, that has no row."""
        for path in folder.rglob("*"):
            if path.suffix.lower() not in PICTURES or path.stat().st_mtime < job.created - 1:
                continue
            sql = "SELECT 1 FROM images WHERE path = ? AND job != ''"
            known = self._database.row(sql, (str(path),))
            if known is None and recipe_of(path) == infotext:
                return path
        return None

    def recipe(self, drawn: GeneratedImage, job: Job) -> str:
        """Write the text that goes into a picture of `job`."""
        return write_infotext(
            job.task,
            replace(drawn, facts=(*drawn.facts, *job.facts)),
            version=RECIPE_VERSION,
            omit=job.settings.recipe.omitted(),
            applies=applies_to(job.task),
        )

    def _write(self, drawn: GeneratedImage, infotext: str, folder: Path, job: Job) -> Path:
        """Write a picture under a plain name, outside of people's own folders."""
        assert drawn.image is not None
        saving = job.settings.saving
        told = inside(job.settings, infotext, source_of(job.task))
        encoded = encode(
            drawn.image,
            told.infotext,
            saving.format,
            quality=saving.quality,
            lossless=saving.webp_lossless,
            xmp=told.xmp,
        )
        path = folder / f"{job.id}-{drawn.index:05}{encoded.suffix}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, encoded.data)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return path

    def _kept(self, drawn: GeneratedImage, job: Job, infotext: str, path: Path) -> Kept:
        image = replace(drawn, image=None, infotext=infotext, id=new_id(), path=str(path))
        created = time.time()
        saved = job.save and not path.is_relative_to(self._unsaved)
        row = {
            "id": image.id,
            "job": job.id,
            "position": image.index,
            "kind": image.kind,
            "saved": saved,
            "path": str(path),
            "infotext": infotext,
            "width": image.width,
            "height": image.height,
            "seed": to_signed(image.seed),
            "created": created,
            "moment": moment_of(created, next(self._numbers)),
            "person": job.person,
        }
        self._recent[image.id] = picture_of({**BLANK, **row})
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        found_before = "FROM images WHERE path = ? AND job = ''"
        statements = (  # the indexer may have met the file before its row was written
            (
                f"DELETE FROM image_words WHERE rowid IN (SELECT moment {found_before})",
                (str(path),),
            ),
            (f"DELETE {found_before}", (str(path),)),
            inserting(row),
            *describing({**BLANK, **row}),
        )
        return Kept(image=image, statements=statements)

    def keep_grid(self, job: Job) -> Kept | None:
        """Lay a job's saved pictures out in one, unless the settings say no. Raises WebUIError."""
        grids = job.settings.grids
        rows = self._of_job(job.id)
        if not (job.save and grids.save and wants_grid(len(rows), grids)):
            return None
        pixels = [_pixels(row.path) for row in rows]
        count = job.task.batch.batch_size
        sheet = image_grid(pixels, grid_rows(len(pixels), count, grids))
        first = rows[0]
        drawn = GeneratedImage(
            index=len(rows),
            seed=first.seed,
            subseed=job.task.seeds.subseed,
            prompt=job.task.wording(0).prompt,
            negative_prompt=job.task.wording(0).negative_prompt,
            width=sheet.width,
            height=sheet.height,
            kind="grid",
        )
        folder = self._folder(job, grid=True)
        naming = naming_of(job, drawn)
        path = save_grid(
            sheet,
            first.infotext,
            folder=folder,
            settings=job.settings,
            naming=naming,
            source=source_of(job.task),
            seal=self._seal,
        )
        return self._kept(drawn, job, first.infotext, path)

    def keep_sheet(self, sheet: Sheet, job: Job, index: int) -> Kept:
        """Write a picture that a script of `job` put together, as its number `index`.

        It is a grid if it has a name of its own. Raises WebUIError.
        """
        pixels = from_pillow(sheet.picture)
        drawn = replace(
            sheet.image,
            index=index,
            width=pixels.width,
            height=pixels.height,
            kind="grid" if sheet.base else "image",
            facts=(*sheet.image.facts, *sheet.facts),
            image=pixels,
        )
        owner = replace(job, task=sheet.request, facts=())
        infotext = self.recipe(drawn, owner)
        if not job.save or not (
            job.settings.grids.save if sheet.base else job.settings.saving.save
        ):
            path = self._write(drawn, infotext, self._unsaved, job)
            return self._kept(drawn, replace(job, save=False), infotext, path)
        path = save_image(
            pixels,
            infotext,
            folder=self._folder(owner, grid=bool(sheet.base)),
            settings=job.settings,
            naming=naming_of(owner, drawn),
            base=sheet.base,
            source=source_of(owner.task),
            seal=self._seal,
        )
        return self._kept(drawn, job, infotext, path)

    def _of_job(self, job_id: str) -> list[Picture]:
        rows = self._database.rows(
            "SELECT * FROM images WHERE job = ? AND kind = 'image' ORDER BY position", (job_id,)
        )
        return [picture_of(row) for row in rows]

    def id_of(self, sequence: int) -> str:
        """The id of the picture with a sequence number; "" if there is none."""
        row = self._database.row("SELECT id FROM images WHERE sequence = ?", (sequence,))
        return row["id"] if row else ""

    def find(self, image_id: str) -> Picture:
        """Look a picture up by id. Raises NotFound."""
        recent = self._recent.get(image_id)
        if recent is not None:
            return recent
        row = self._database.row("SELECT * FROM images WHERE id = ?", (image_id,))
        if row is None:
            raise NotFound("picture", image_id)
        return picture_of(row)

    def thumbnail(self, image_id: str) -> Path:
        """Return a small WebP of a picture, made at the first call. Raises NotFound."""
        return thumbnail_of(self.find(image_id), self._thumbnails)

    def forget_unsaved(self) -> None:
        """Delete pictures of unsaved jobs that nobody can be waiting for any more."""
        oldest = time.time() - UNSAVED_DAYS * 86_400
        for path in self._unsaved.glob("*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)


def naming_of(job: Job, drawn: GeneratedImage) -> Naming:
    """Everything a file name may be made of."""
    return Naming(
        request=job.task,
        image=drawn,
        started=datetime.fromtimestamp(job.created or time.time()),
        stem=job.stem,
    )


def _pixels(path: Path) -> ImageData:
    with Image.open(path) as opened:
        return from_pillow(opened)
