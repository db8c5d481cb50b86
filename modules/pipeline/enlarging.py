"""A picture made larger without being drawn anew: a task of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from PIL import Image

from modules.errors import Interrupted, InvalidRequest
from modules.pipeline.pictures import as_picture
from modules.pipeline.resize import upscale
from modules.pipeline.tiles import Tiling
from modules.pipeline.upscalers import UpscalerShelf
from modules.schema.event import Event, ImageReady, Progress
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage
from modules.schema.tasks import Upscale

MOST_PIXELS = 2**27
"""Of a result."""


def enlarge_picture(
    task: Upscale, shelf: UpscalerShelf, heed: Callable[[], None]
) -> Iterator[Event]:
    """Carry out `task`, with a Progress after each tile; `heed` is called then, and raises to stop.

    Raises InvalidRequest, NotFound, ModelError.
    """
    picture = as_picture(task.image)
    width, height = int(picture.width * task.factor), int(picture.height * task.factor)
    if min(width, height) < 1 or width * height > MOST_PIXELS:
        raise InvalidRequest(
            f"A picture of {width} x {height} pixels cannot be made.", "Choose another factor."
        )
    began = time.perf_counter()
    said = SimpleQueue[tuple[int, int] | None]()
    unwanted = threading.Event()

    def tell(done: int, total: int) -> None:
        heed()
        if unwanted.is_set():
            raise Interrupted("Nobody waits for this picture any more.")
        said.put((done, total))

    def work() -> Image.Image:
        try:
            found = shelf.find(task.upscaler, Tiling(task.tile, task.overlap), tell)
            return upscale(picture, task.factor, found)
        finally:
            said.put(None)

    with ThreadPoolExecutor(1, "enlarge") as pool:
        enlarging = pool.submit(work)
        try:
            while (tiles := said.get()) is not None:
                yield Progress(step=tiles[0], steps=tiles[1], batch=0, batches=1)
        finally:
            unwanted.set()
        result = enlarging.result()
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
