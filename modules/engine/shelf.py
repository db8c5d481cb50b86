"""The models in memory: the newest in use, a few more at rest, so that going back takes no time."""

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from modules.model.catalogue import Checkpoint

log = logging.getLogger(__name__)

Stamp = tuple[int, int]
ROOM = 0.1
"""Share of the machine's memory that models at rest leave free."""


@dataclass
class Loaded:
    """A model in memory, and what tells whether it is still the wanted one."""

    checkpoint: Checkpoint
    stamp: Stamp
    floor: str
    """The most generous memory policy it was allowed."""
    ready: Any
    """A `modules.pipeline.ready.Ready`; named here it would have to be imported."""

    @property
    def size(self) -> int:
        """Bytes it holds."""
        return int(self.ready.model.bytes_held)


@dataclass(frozen=True)
class Keeping:
    """How much is kept: models in all, and gigabytes of them (0 is what there is room for)."""

    models: int = 1
    gigabytes: float = 0.0


class Shelf:
    """Loaded models, least recently used first."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        self._loaded: list[Loaded] = []

    @property
    def newest(self) -> Loaded | None:
        """The model used last."""
        return self._loaded[-1] if self._loaded else None

    def __len__(self) -> int:
        return len(self._loaded)

    def find(self, checkpoint: Checkpoint, floor: str) -> Loaded | None:
        """The model of `checkpoint` if it is here, unchanged on disk, and allowed as much."""
        for loaded in self._loaded:
            if loaded.checkpoint.path == checkpoint.path:
                fresh = loaded.stamp == stamp_of(checkpoint.path) and loaded.floor == floor
                return loaded if fresh else None
        return None

    def take(self, checkpoint: Checkpoint, floor: str, load: Callable[[], Loaded]) -> Loaded:
        """The model of `checkpoint`, made the newest; loads it if need be, after making room.

        The one in use before leaves last, so that it is still there if loading fails.
        """
        found = self.find(checkpoint, floor)
        before = self.newest
        if found is not None and found is before:
            return found
        if before is not None:
            before.ready.model.rest()
        if found is None:
            self._loaded = [one for one in self._loaded if one.checkpoint.path != checkpoint.path]
            self._make_room(self.keeping.models, checkpoint.size)
            found = load()
        else:
            self._loaded.remove(found)
        self._make_room(self.keeping.models - 1, 0)
        self._loaded.append(found)
        return found

    def clear(self) -> None:
        """Let go of all models; their memory is free once garbage has been collected."""
        self._loaded.clear()

    def _make_room(self, count: int, coming: int) -> None:
        """Let go of the least recently used until there are at most `count`, and room."""
        before = len(self._loaded)
        while self._loaded and (len(self._loaded) > max(0, count) or not self._fits(coming)):
            log.info("%s leaves the memory", self._loaded.pop(0).checkpoint.name)
        if len(self._loaded) < before:
            gc.collect()

    def _fits(self, coming: int) -> bool:
        held = sum(one.size for one in self._loaded) + coming
        if self.keeping.gigabytes > 0:
            return held <= self.keeping.gigabytes * 1e9
        memory = psutil.virtual_memory()
        return bool(2 * coming < memory.available - ROOM * memory.total)


def stamp_of(path: Path) -> Stamp:
    """Size and modification time: another value means another file under the same name."""
    info = path.stat()
    return info.st_size, info.st_mtime_ns
