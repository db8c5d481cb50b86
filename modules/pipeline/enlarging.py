"""A picture made larger without being drawn anew: a task of its own."""

import time
from collections.abc import Callable, Iterator

from PIL import Image

from modules.errors import InvalidRequest
from modules.pipeline.pictures import as_picture
from modules.pipeline.resize import upscale
from modules.pipeline.tiles import Tiling
from modules.pipeline.upscalers import UpscalerShelf
from modules.schema.event import Event, ImageReady
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage
from modules.schema.tasks import Upscale

MOST_PIXELS = 2**27
"""Of a result."""


def enlarge_picture(
    task: Upscale, shelf: UpscalerShelf, heed: Callable[[], None]
) -> Iterator[Event]:
    """Carry out `task`. `heed` is called before each tile and raises to stop.

    Raises InvalidRequest, NotFound, ModelError.
    """
    picture = as_picture(task.image)
    width, height = int(picture.width * task.factor), int(picture.height * task.factor)
    if min(width, height) < 1 or width * height > MOST_PIXELS:
        raise InvalidRequest(
            f"A picture of {width} x {height} pixels cannot be made.", "Choose another factor."
        )
    began = time.perf_counter()

    def tell(done: int, total: int) -> None:
        heed()

    found = shelf.find(task.upscaler, Tiling(task.tile, task.overlap), tell)
    result = upscale(picture, task.factor, found)
    yield ImageReady(image=_as_result(result, task, time.perf_counter() - began))


def _as_result(picture: Image.Image, task: Upscale, seconds: float) -> GeneratedImage:
    mode = picture.mode if picture.mode in ("RGB", "RGBA") else "RGB"
    plain = picture if picture.mode == mode else picture.convert(mode)
    return GeneratedImage(
        index=0,
        seed=0,
        subseed=0,
        prompt="",
        negative_prompt="",
        width=plain.width,
        height=plain.height,
        image=ImageData(plain.width, plain.height, mode, plain.tobytes()),
        facts=(("Postprocess upscaler", task.upscaler), ("Seconds", round(seconds, 2))),
    )
