"""What the operations of Extras ask of the engine, joined for one picture."""

from modules.engine.engine import Engine
from modules.pipeline.resize import Picture
from modules.schema.cancel import Cancel
from modules.schema.inputs import ImageData
from modules.service.enlarge import Enlarger, Tell, unheard
from modules.service.extras import EnlargedCache
from modules.service.extras_operations import Tools
from modules.service.picture_tools import PictureTools
from modules.settings.settings import Settings


def tools_of(
    engine: Engine,
    settings: Settings,
    tiling: tuple[int, int],
    *,
    cache: EnlargedCache | None = None,
    cancel: Cancel | None = None,
    tell: Tell = unheard,
) -> Tools:
    """Tools that end when `cancel` is stopped; `tiling` is side and overlap of tiles."""
    cancel = cancel or Cancel()
    enlarger, others = Enlarger(engine, *tiling), PictureTools(engine, cancel)

    def enlarge(picture: Picture, factor: float, upscaler: str) -> Picture:
        return enlarger(picture, factor, upscaler, cancel, tell)

    def describe(image: ImageData, by: str) -> str:
        return others.describe(image, by, settings.describing)

    kept = enlarge if cache is None else cache.around(enlarge, settings.extras.cached)
    return Tools(kept, others.mend, others.faces, describe)
