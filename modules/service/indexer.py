"""Pictures that are on the disk already, ours and other programs', found again in the gallery."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from modules.errors import WebUIError
from modules.paths import Paths
from modules.service.database import Database, Statement
from modules.service.facts import describing, facts_of, forgetting, moment_of
from modules.service.gallery import PICTURES
from modules.service.job import new_id
from modules.service.picture import BLANK, inserting_found, to_signed
from modules.service.read_picture import read_infotext_from
from modules.settings.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 120.0
"""Seconds between looks at the folders."""
BATCH = 200
"""Pictures written into the database at a time."""
BREATH_S = 0.01
"""Rest after each batch, for whoever else needs the disk."""
SETTLED_S = 2.0
"""A folder that changed so recently is looked at again: its clock may tick in whole seconds."""


class Indexer:
    """Looks for pictures in the background, and only at folders that changed. Thread-safe.

    It never changes a file. A picture that was drawn here has its row already and keeps it.
    """

    def __init__(self, database: Database, paths: Paths, settings: Callable[[], Settings]) -> None:
        self._database = database
        self._paths = paths
        self._settings = settings
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._one = threading.Lock()
        self._number = 0

    def start(self) -> None:
        """Look at the folders now and from time to time."""
        self._thread = threading.Thread(target=self._watch, name="gallery", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Look at the folders soon."""
        self._bell.set()

    def close(self) -> None:
        """End the background work."""
        self._closing.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(10)

    def _watch(self) -> None:
        while not self._closing.is_set():
            self._bell.clear()
            try:
                self.look()
            except (WebUIError, OSError) as error:
                log.warning("The gallery could not be brought up to date: %s", error)
            self._bell.wait(EVERY_S)

    def roots(self) -> list[Path]:
        """The folders whose pictures belong to the gallery, without those inside of others.

        A folder that is not there now, such as an unplugged disk, keeps its rows.
        """
        folders = self._settings().folders
        outputs = (folders.samples, folders.txt2img, folders.img2img, folders.extras)
        grids = (folders.grids, folders.txt2img_grids, folders.img2img_grids, folders.saved)
        texts = [text for text in (*outputs, *grids, *folders.gallery) if text.strip()]
        wanted = {
            self._paths.outputs,
            *(self._paths.data / Path(one).expanduser() for one in texts),
        }
        resolved = sorted({path.resolve() for path in wanted})
        return [one for one in resolved if not any(up in resolved for up in one.parents)]

    def look(self) -> int:
        """Bring the gallery up to date; returns how many pictures were new."""
        with self._one:
            self._describe_old()
            count = 0
            for root in filter(Path.is_dir, self.roots()):
                count += self._look_into(str(root))
            self._forget_folders_outside()
            return count

    def _describe_old(self) -> None:
        """Complete rows that were written by an earlier version."""
        while not self._closing.is_set():
            rows = self._database.rows(
                "SELECT * FROM images WHERE NOT described ORDER BY sequence LIMIT ?", (BATCH,)
            )
            if not rows:
                return
            self._database.write(*(part for row in rows for part in describing(row)))
            time.sleep(BREATH_S)

    def _look_into(self, root: str) -> int:
        """Index the folders below `root` that changed since the last look."""
        count, folders = 0, [(root, "")]
        while folders and not self._closing.is_set():
            folder, parent = folders.pop()
            try:
                modified = os.stat(folder).st_mtime
            except FileNotFoundError:
                self._forget_folder(folder)
                continue
            known = self._database.row(
                "SELECT 1 FROM folders WHERE path = ? AND parent = ? AND modified = ?",
                (folder, parent, modified),
            )
            if known is not None:
                rows = self._database.rows("SELECT path FROM folders WHERE parent = ?", (folder,))
                folders += [(row["path"], folder) for row in rows]
                continue
            below, found = self._index(folder)
            count += found
            rows = self._database.rows("SELECT path FROM folders WHERE parent = ?", (folder,))
            for gone in {row["path"] for row in rows} - set(below):
                self._forget_folder(gone)
            folders += [(one, folder) for one in below]
            settled = modified < time.time() - SETTLED_S
            remember = "INSERT OR REPLACE INTO folders (path, parent, modified) VALUES (?, ?, ?)"
            values = (folder, parent, modified if settled else 0.0)
            self._database.write((remember, values))
        return count

    def _index(self, folder: str) -> tuple[list[str], int]:
        """Compare a folder with the rows of its pictures; returns folders in it, new pictures."""
        below, present = [], dict[str, os.stat_result]()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in PICTURES:
                    present[entry.path] = entry.stat()
        rows = self._database.rows(
            "SELECT id, path, moment, job, modified FROM images"
            " WHERE path >= ? AND path < ? AND trashed IS NULL AND saved",
            (folder + os.sep, folder + chr(ord(os.sep) + 1)),
        )
        own = [row for row in rows if os.path.dirname(row["path"]) == folder]
        gone = [row for row in own if row["path"] not in present]
        changed = [
            row
            for row in own
            if row["path"] in present
            and not row["job"]
            and row["modified"] != present[row["path"]].st_mtime
        ]
        self._drop([*gone, *changed])
        known = {row["path"] for row in own} - {row["path"] for row in changed}
        new = [(path, facts) for path, facts in present.items() if path not in known]
        new.sort(key=lambda pair: pair[1].st_mtime)
        for first in range(0, len(new), BATCH):
            if self._closing.is_set():
                break
            part = new[first : first + BATCH]
            self._database.write(*self._statements(folder, part))
            time.sleep(BREATH_S)
        return below, len(new)

    def _statements(
        self, folder: str, files: list[tuple[str, os.stat_result]]
    ) -> Iterator[Statement]:
        for path, facts in files:
            row = self._row(folder, path, facts)
            if row is not None:
                yield inserting_found(row)
                yield from describing({**BLANK, **row})

    def _row(self, folder: str, path: str, facts: os.stat_result) -> dict[str, Any] | None:
        """Describe a file; None if it is no picture after all."""
        try:
            with Image.open(path) as opened:
                width, height = opened.size
            infotext = read_infotext_from(Path(path))
        except (WebUIError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            log.info("%s is no picture that can be shown", path)
            return None
        self._number += 1
        return {
            "id": new_id(),
            "job": "",
            "position": 0,
            "kind": "grid" if "grid" in os.path.basename(path).lower() else "image",
            "saved": True,
            "path": path,
            "infotext": infotext,
            "width": width,
            "height": height,
            "seed": to_signed(facts_of(infotext).seed),
            "created": facts.st_mtime,
            "moment": moment_of(facts.st_mtime, self._number),
            "folder": folder,
            "modified": facts.st_mtime,
        }

    def _drop(self, rows: list[Any]) -> None:
        """Forget pictures whose files are gone or others; jobs keep what they drew."""
        statements: list[Statement] = []
        for row in rows:
            drop = "UPDATE images SET saved = 0" if row["job"] else "DELETE FROM images"
            statements += [forgetting(row["moment"]), (f"{drop} WHERE id = ?", (row["id"],))]
        if statements:
            self._database.write(*statements)

    def _forget_folder(self, folder: str) -> None:
        """Drop a folder that is gone with everything below it."""
        edges = (folder + os.sep, folder + chr(ord(os.sep) + 1))
        rows = self._database.rows(
            "SELECT id, moment, job FROM images"
            " WHERE path >= ? AND path < ? AND trashed IS NULL AND saved",
            edges,
        )
        self._drop(rows)
        below = "DELETE FROM folders WHERE path = ? OR (path >= ? AND path < ?)"
        self._database.write((below, (folder, *edges)))

    def _forget_folders_outside(self) -> None:
        """Drop what belonged to a folder that is not in the settings any more."""
        roots = {str(root) for root in self.roots()}
        tops = self._database.rows("SELECT path FROM folders WHERE parent = ''")
        for row in tops:
            if row["path"] not in roots and not self._closing.is_set():
                self._forget_folder(row["path"])
                for root in filter(
                    Path.is_dir, self.roots()
                ):  # a root may have lain inside the one that went
                    self._look_into(str(root))
