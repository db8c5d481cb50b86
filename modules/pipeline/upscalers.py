"""Upscalers by name: the plain ones, and networks read when they are first used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from modules.errors import NotFound
from modules.model.device import Device
from modules.model.upscaler import Upscaler, load_upscaler
from modules.model.upscaler_files import upscaler_files
from modules.pipeline.resize import UPSCALERS, Enlarge, Picture
from modules.pipeline.tiles import USUAL, Tiling, enlarge

Tell = Callable[[int, int], None]
"""Hears how many tiles are done, and how many there are."""


def unheard(done: int, total: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True)
class _Held:
    path: Path
    changed_ns: int
    upscaler: Upscaler


class UpscalerShelf:
    """Finds upscalers, and keeps the network used last."""

    def __init__(self, models: Sequence[Path], device: Device, tiling: Tiling = USUAL) -> None:
        """`models` are folders of all kinds of models; the first that has a name wins."""
        self._models = tuple(models)
        self._device = device
        self._tiling = tiling
        self._held: _Held | None = None

    def names(self) -> list[str]:
        """The names of all, as in menus."""
        return [*UPSCALERS, *upscaler_files(*self._models)]

    def find(self, name: str, tiling: Tiling | None = None, tell: Tell = unheard) -> Enlarge | None:
        """The upscaler called `name`; "" and "None" are none. Raises NotFound, ModelError."""
        wanted = (name or "None").strip().lower()
        for known, simple in UPSCALERS.items():
            if wanted == known.lower():
                return simple
        for known, path in upscaler_files(*self._models).items():
            if wanted == known.lower():
                return self._through(self._load(path), tiling or self._tiling, tell)
        raise NotFound("upscaler", name, self.names())

    def _through(self, upscaler: Upscaler, tiling: Tiling, tell: Tell) -> Enlarge:
        def enlarged(picture: Picture, factor: float) -> Picture:
            return enlarge(picture, upscaler, tiling, self._device.device, tell)

        return enlarged

    def _load(self, path: Path) -> Upscaler:
        changed = path.stat().st_mtime_ns
        if self._held is None or (self._held.path, self._held.changed_ns) != (path, changed):
            self._held = None  # first let go of the memory of the one before
            half = self._device.dtype == torch.float16
            self._held = _Held(path, changed, load_upscaler(path, self._device.device, half=half))
        return self._held.upscaler

    def clear(self) -> None:
        """Give the memory back."""
        self._held = None
