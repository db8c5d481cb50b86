"""Runs of Extras as the database keeps them, so that they go on after the end of the program."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modules.schema.cancel import Cancel
from modules.schema.codec import from_plain, to_plain
from modules.schema.event import Failed
from modules.service.database import Database
from modules.service.extras_operations import ExtrasWish
from modules.service.extras_work import Place, Source
from modules.service.job import ENDED, WAITING
from modules.service.picture import Picture, picture_of
from modules.settings.settings import Settings


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
class Work:
    """What a run has to do."""

    id: str
    sources: tuple[Source, ...]
    wish: ExtrasWish
    place: Place
    shown: bool
    """Whether results are listed."""
    tiling: tuple[int, int]
    """Side and overlap of tiles."""
    done: int = 0
    """Pictures that an earlier process was done with."""
    kept: int = 0
    """Results for the next of them that it kept."""
    worked: int = 0
    """Of those that are done, with how many that went well."""
    cancel: Cancel = field(default_factory=Cancel, compare=False)


class ExtrasStore:
    """Writes runs down as they go on. Thread-safe; raises WebUIError if the disk refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: ExtrasRun, work: Work) -> None:
        """Write a new run down; on disk when this returns."""
        told = {
            "sources": [[one.name, str(one.path)] for one in work.sources],
            "wish": to_plain(work.wish),
            "output": work.place.output,
            "keep_names": work.place.keep_names,
            "shown": work.shown,
            "tiling": list(work.tiling),
        }
        self._database.write(
            (
                "INSERT INTO extras_runs (id, person, created, status, work)"
                " VALUES (?, ?, ?, ?, ?)",
                (run.id, run.person, run.created, run.status, json.dumps(told)),
            )
        )

    def did(self, run_id: str, done: int, went_well: bool) -> None:
        """Note that so many pictures are done, and whether the last went well."""
        sql = "UPDATE extras_runs SET done = ?, kept = 0, worked = worked + ? WHERE id = ?"
        self._database.write((sql, (done, int(went_well), run_id)))

    def kept(self, run_id: str, kept: int, shown: tuple[Picture, ...]) -> None:
        """Note how many results of the picture at hand are on disk, and all that are listed."""
        ids = json.dumps([one.id for one in shown])
        sql = "UPDATE extras_runs SET kept = ?, pictures = ? WHERE id = ?"
        self._database.write((sql, (kept, ids, run_id)))

    def tell(self, run: ExtrasRun) -> None:
        """Note a run's state and what people should know of it."""
        error = json.dumps(to_plain(run.error)) if run.error is not None else ""
        sql = "UPDATE extras_runs SET status = ?, notices = ?, error = ? WHERE id = ?"
        self._database.write((sql, (run.status, json.dumps(run.notices), error, run.id)))

    def forget(self, run_id: str) -> None:
        """Take a run out."""
        self._database.write(("DELETE FROM extras_runs WHERE id = ?", (run_id,)))

    def load(self, ended: int) -> Iterator[tuple[ExtrasRun, Work]]:
        """The runs that have not ended and the newest `ended` others, oldest first."""
        marks = ", ".join("?" * len(ENDED))
        rows = self._database.rows(
            f"SELECT * FROM extras_runs WHERE status NOT IN ({marks}) OR sequence IN"
            f" (SELECT sequence FROM extras_runs WHERE status IN ({marks})"
            " ORDER BY sequence DESC LIMIT ?) ORDER BY sequence",
            (*ENDED, *ENDED, ended),
        )
        for row in rows:
            told = json.loads(row["work"])
            sources = tuple(Source(name, Path(path)) for name, path in told["sources"])
            run = ExtrasRun(
                id=row["id"],
                person=row["person"],
                total=len(sources),
                created=row["created"],
                status=row["status"] if row["status"] in ENDED else WAITING,
                done=row["done"],
                pictures=self._pictures(json.loads(row["pictures"])),
                notices=tuple(json.loads(row["notices"])),
                error=from_plain(Failed, json.loads(row["error"])) if row["error"] else None,
            )
            place = Place(
                settings=Settings(),
                person=row["person"],
                output=told["output"],
                keep_names=told["keep_names"],
            )
            yield (
                run,
                Work(
                    id=run.id,
                    sources=sources,
                    wish=from_plain(ExtrasWish, told["wish"]),
                    place=place,
                    shown=told["shown"],
                    tiling=(told["tiling"][0], told["tiling"][1]),
                    done=run.done,
                    kept=row["kept"],
                    worked=row["worked"],
                ),
            )

    def _pictures(self, ids: list[str]) -> tuple[Picture, ...]:
        """Those of the listed pictures that are still there."""
        found = (
            self._database.row("SELECT * FROM images WHERE id = ? AND trashed IS NULL", (one,))
            for one in ids
        )
        return tuple(picture_of(row) for row in found if row is not None)
