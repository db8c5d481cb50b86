"""Finished pictures: saved the moment they are done, found again by id."""

import io
import logging
import sqlite3
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from PIL import Image

from modules.errors import NotFound, WebUIError
from modules.paths import Paths
from modules.schema.infotext import write_infotext
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage
from modules.service.database import Database, Statement
from modules.service.formats import encode, from_pillow
from modules.service.grid import grid_rows, image_grid, save_grid, wants_grid
from modules.service.job import Job, new_id
from modules.service.names import Naming
from modules.service.read_picture import read_infotext_from
from modules.service.recipe import applies_to
from modules.service.saving import cannot_write, folder_for, save_image
from modules.settings.files import write_atomically
from modules.settings.sections.saving import Saving
from modules.version import RECIPE_VERSION

log = logging.getLogger(__name__)

THUMBNAIL_SIDE = 320
"""Pixels of a thumbnail's longer side."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
RECENT = 1000
UNSAVED_DAYS = 2.0
"""How long pictures of jobs that are not saved can still be fetched."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file the gallery knows."""

    sequence: int
    id: str
    job: str
    position: int
    kind: str
    path: Path
    infotext: str
    width: int
    height: int
    seed: int
    created: float


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture on disk, with what must be written to the database together with its event."""

    image: GeneratedImage
    statements: tuple[Statement, ...]
    problem: WebUIError | None = None
    """Why it is not where it should be; it is on disk in any case."""


class Gallery:
    """Writes pictures to disk and finds them again. Thread-safe."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self._database = database
        self._paths = paths
        self._thumbnails = paths.cache / "thumbnails"
        self._unsaved = paths.cache / "unsaved"
        self._shelters = (paths.cache / "rescued", Path(tempfile.gettempdir()) / "easel-rescued")
        self._recent: OrderedDict[str, Picture] = OrderedDict()
        """The newest pictures; their rows may not have reached a disk that is full."""

    def keep(self, drawn: GeneratedImage, job: Job, *, look_first: bool = False) -> Kept:
        """Write a picture with its recipe; it is on disk when this returns.

        With `look_first`, a file that holds it already but that nobody knows of is taken instead.
        If the folder for outputs cannot be written, the picture goes to `tmp/rescued`, or else to
        the system's temporary folder, and `problem` says so. Raises WebUIError if all that fails.
        """
        assert drawn.image is not None, "engines send pixels"
        infotext = self.recipe(drawn, job)
        naming = naming_of(job, drawn)
        if not job.save or not job.settings.saving.save:
            folder = self._unsaved
            return self._kept(drawn, job, infotext, self._write(drawn, infotext, folder, job))
        try:
            folder = folder_for(job.settings, self._paths, "txt2img")
            path = self._stray(folder, infotext, job) if look_first else None
            if path is None:
                path = save_image(
                    drawn.image, infotext, folder=folder, settings=job.settings, naming=naming
                )
        except WebUIError as error:
            path = self._rescue(drawn, infotext, job)
            problem = WebUIError(
                f"{error.message} The picture was kept as {path.name} in {path.parent}.", error.hint
            )
            return replace(self._kept(drawn, job, infotext, path), problem=problem)
        return self._kept(drawn, job, infotext, path)

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
            known = self._database.row("SELECT 1 FROM images WHERE path = ?", (str(path),))
            if known is None and _recipe_of(path) == infotext:
                return path
        return None

    def recipe(self, drawn: GeneratedImage, job: Job) -> str:
        """Write the text that goes into a picture of `job`."""
        return write_infotext(
            job.task,
            drawn,
            version=RECIPE_VERSION,
            omit=job.settings.recipe.omitted(),
            applies=applies_to(job.task),
        )

    def _write(self, drawn: GeneratedImage, infotext: str, folder: Path, job: Job) -> Path:
        """Write a picture under a plain name, outside of people's own folders."""
        assert drawn.image is not None
        saving = job.settings.saving
        encoded = encode(
            drawn.image,
            infotext if job.settings.recipe.write else "",
            saving.format,
            quality=saving.quality,
            lossless=saving.webp_lossless,
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
        insert = (
            "INSERT INTO images (id, job, position, kind, saved, path, infotext, width, height,"
            " seed, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._recent[image.id] = _as_picture(image, job)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        saved = job.save and not path.is_relative_to(self._unsaved)
        values = (image.id, job.id, image.index, image.kind, saved, str(path), infotext)
        size = (image.width, image.height, to_signed(image.seed), time.time())
        return Kept(image=image, statements=((insert, (*values, *size)),))

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
            prompt=job.task.prompt,
            negative_prompt=job.task.negative_prompt,
            width=sheet.width,
            height=sheet.height,
            kind="grid",
        )
        folder = folder_for(job.settings, self._paths, "txt2img", grid=True)
        naming = naming_of(job, drawn)
        path = save_grid(sheet, first.infotext, folder=folder, settings=job.settings, naming=naming)
        return self._kept(drawn, job, first.infotext, path)

    def _of_job(self, job_id: str) -> list[Picture]:
        rows = self._database.rows(
            "SELECT * FROM images WHERE job = ? AND kind = 'image' ORDER BY position", (job_id,)
        )
        return [_picture(row) for row in rows]

    def newest(self, limit: int = 50, before: int | None = None) -> list[Picture]:
        """List saved pictures, newest first; `before` is the sequence number to go on from."""
        rows = self._database.rows(
            "SELECT * FROM images WHERE saved AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            (before if before is not None else 2**62, limit),
        )
        return [_picture(row) for row in rows]

    def find(self, image_id: str) -> Picture:
        """Look a picture up by id. Raises NotFound."""
        recent = self._recent.get(image_id)
        if recent is not None:
            return recent
        row = self._database.row("SELECT * FROM images WHERE id = ?", (image_id,))
        if row is None:
            raise NotFound("picture", image_id)
        return _picture(row)

    def thumbnail(self, image_id: str) -> Path:
        """Return a small WebP of a picture, made at the first call. Raises NotFound."""
        picture = self.find(image_id)
        small = self._thumbnails / f"{picture.id}.webp"
        if small.is_file():
            return small
        try:
            with Image.open(picture.path) as opened:
                opened.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
                opened.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
                buffer = io.BytesIO()
                opened.convert("RGB").save(buffer, "WEBP", quality=80, method=2)
            small.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(small, buffer.getvalue())
        except FileNotFoundError as error:
            raise NotFound("picture", image_id) from error
        except OSError as error:
            raise WebUIError(f"No thumbnail could be made of {picture.path.name}.") from error
        return small

    def forget_unsaved(self) -> None:
        """Delete pictures of unsaved jobs that nobody can be waiting for any more."""
        oldest = time.time() - UNSAVED_DAYS * 86_400
        for path in self._unsaved.glob("*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)


def converted(jpeg: bytes, saving: Saving) -> bytes:
    """Return a JPEG in the format pictures are saved in."""
    if saving.format in ("jpg", "jpeg"):
        return jpeg
    with Image.open(io.BytesIO(jpeg)) as opened:
        return encode(from_pillow(opened), "", saving.format, quality=saving.quality).data


def _recipe_of(path: Path) -> str:
    try:
        return read_infotext_from(path)
    except WebUIError:
        return ""


def naming_of(job: Job, drawn: GeneratedImage) -> Naming:
    """Everything a file name may be made of."""
    return Naming(
        request=job.task, image=drawn, started=datetime.fromtimestamp(job.created or time.time())
    )


def to_signed(seed: int) -> int:
    """SQLite's integers have 64 bits with a sign."""
    return seed if seed < 2**63 else seed - 2**64


def _pixels(path: Path) -> ImageData:
    with Image.open(path) as opened:
        return from_pillow(opened)


def _as_picture(image: GeneratedImage, job: Job) -> Picture:
    return Picture(
        sequence=0,
        id=image.id,
        job=job.id,
        position=image.index,
        kind=image.kind,
        path=Path(image.path),
        infotext=image.infotext,
        width=image.width,
        height=image.height,
        seed=image.seed,
        created=time.time(),
    )


def _picture(row: sqlite3.Row) -> Picture:
    values = {name: row[name] for name in row.keys() if name != "saved"}  # noqa: SIM118
    return Picture(**{**values, "path": Path(row["path"])})
