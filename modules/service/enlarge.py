"""Pictures made larger by name of an upscaler: plainly here, by networks in the engine."""

from collections.abc import Callable

from modules.engine.engine import Engine
from modules.errors import NotFound, WebUIError
from modules.pipeline.resize import UPSCALERS, Picture, find_upscaler, upscale
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady, Progress
from modules.schema.hires_size import upscaler_names
from modules.schema.tasks import Upscale
from modules.service.formats import from_pillow, to_pillow

NONE = "None"

Tell = Callable[[int, int], None]


def unheard(done: int, total: int) -> None:
    """Take no notice of progress."""


def is_plain(upscaler: str) -> bool:
    """Whether an upscaler needs no network."""
    return (upscaler or NONE).strip().lower() in map(str.lower, UPSCALERS)


class Enlarger:
    """Makes pictures larger; one that needs a network waits until the engine is free."""

    def __init__(self, engine: Engine, tile: int = 192, overlap: int = 8) -> None:
        self._engine = engine
        self._tile = tile
        self._overlap = overlap

    def __call__(
        self,
        picture: Picture,
        factor: float,
        upscaler: str,
        cancel: Cancel | None = None,
        tell: Tell = unheard,
    ) -> Picture:
        """`picture` (RGB or RGBA) `factor` times as large, sides a multiple of 8.

        `tell` hears how many tiles are done, and how many there are.
        Raises InvalidRequest, NotFound, ModelError, EngineDown, Interrupted.
        """
        if is_plain(upscaler):
            return plainly(picture, factor, upscaler)
        known = upscaler_names(self._engine.catalogue())
        found = next((one for one in known if one.lower() == upscaler.strip().lower()), None)
        if found is None:
            raise NotFound("upscaler", upscaler, known)
        task = Upscale(
            image=from_pillow(picture),
            upscaler=found,
            factor=factor,
            tile=self._tile,
            overlap=self._overlap,
        )
        for event in self._engine.run(task, cancel or Cancel()):
            if isinstance(event, Progress):
                tell(event.step, event.steps)
            elif isinstance(event, ImageReady) and event.image.image is not None:
                return to_pillow(event.image.image)
        raise WebUIError(f"{upscaler} made no picture.", "The log may say why.")


def plainly(picture: Picture, factor: float, upscaler: str) -> Picture:
    """What an `Enlarger` does without an engine. Raises NotFound for networks."""
    return upscale(picture, factor, find_upscaler(upscaler))
