"""Finished pictures made larger, without a model and without a job."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from modules.errors import InvalidRequest
from modules.param import check_limits, param
from modules.pipeline.resize import Picture
from modules.schema.inputs import ImageData
from modules.service.enlarge import plainly
from modules.service.formats import to_pillow

Enlarge = Callable[[Picture, float, str], Picture]
"""A picture, how many times larger, and the upscaler's name."""

MOST_PIXELS = 64 * 2**20
"""Of a result; more is refused before it costs memory."""
NO_UPSCALER = "None"


@dataclass(frozen=True, kw_only=True)
class Enlargement:
    """How much larger, and how; with `width` and `height` to a size, else by a factor."""

    factor: float = param(2.0, "Resize", api="upscaling_resize", minimum=0.05, maximum=8)
    width: int | None = param(None, "Width", api="upscaling_resize_w", minimum=1, maximum=16384)
    height: int | None = param(None, "Height", api="upscaling_resize_h", minimum=1, maximum=16384)
    crop: bool = param(True, "Crop to fit", api="upscaling_crop")
    upscaler: str = param(NO_UPSCALER, "Upscaler 1", api="upscaler_1")
    second: str = param(NO_UPSCALER, "Upscaler 2", api="upscaler_2")
    longest: int = param(
        0,
        "Max side length",
        minimum=0,
        maximum=16384,
        help="A result that would be longer is made that long; 0 is no limit.",
    )
    share: float = param(
        0.0,
        "Upscaler 2 visibility",
        api="extras_upscaler_2_visibility",
        minimum=0,
        maximum=1,
    )


class EnlargedCache:
    """Keeps the newest enlarged pictures, so that another blend costs nothing. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], Picture] = OrderedDict()

    def around(self, enlarge: Enlarge, most: int) -> Enlarge:
        """`enlarge`, asked only for what is not among the `most` newest results."""

        def remembered(picture: Picture, factor: float, upscaler: str) -> Picture:
            digest = hashlib.sha256(picture.tobytes()).digest()
            key = (digest, picture.size, picture.mode, factor, upscaler)
            self._forget(most)
            with self._lock:
                found = self._kept.get(key)
            if found is None:
                found = enlarge(picture, factor, upscaler)
            with self._lock:
                self._kept[key] = found
                self._kept.move_to_end(key)
            self._forget(most)
            return found

        return remembered

    def _forget(self, most: int) -> None:
        with self._lock:
            while len(self._kept) > most:
                self._kept.popitem(last=False)


def enlarged(
    image: ImageData, wish: Enlargement, enlarge: Enlarge = plainly
) -> tuple[ImageData, list[str]]:
    """The picture as wished, and what was done in A1111's words.

    Sides are rounded down to multiples of 8 before anything is cut off. Without an upscaler the
    picture stays as it is. Raises InvalidRequest, NotFound.
    """
    check_limits(wish)
    if wish.upscaler == NO_UPSCALER:
        return image, []
    picture = to_pillow(image)
    factor = _factor(wish, image)
    if image.width * image.height * factor**2 > MOST_PIXELS:
        raise InvalidRequest(
            f"The picture would have more than {MOST_PIXELS // 2**20} million pixels.",
            "Choose a smaller size.",
        )
    result = _fitted(enlarge(picture, factor, wish.upscaler), wish)
    if wish.second != NO_UPSCALER and wish.share > 0:
        other = _fitted(enlarge(picture, factor, wish.second), wish)
        result = Image.blend(result, other, wish.share)
    data = ImageData(result.width, result.height, result.mode, result.tobytes())
    return data, list(_told(wish))


def _factor(wish: Enlargement, image: ImageData) -> float:
    """The factor at which a wished size is covered; no side gets longer than wished."""
    if wish.width is not None and wish.height is not None:
        return max(wish.width / image.width, wish.height / image.height)
    if wish.longest:
        return min(wish.factor, wish.longest / max(image.width, image.height))
    return wish.factor


def _fitted(picture: Picture, wish: Enlargement) -> Picture:
    """The middle of a picture that covers the wished size."""
    if wish.width is None or wish.height is None or not wish.crop:
        return picture
    result = Image.new(picture.mode, (wish.width, wish.height))
    at = wish.width // 2 - picture.width // 2, wish.height // 2 - picture.height // 2
    result.paste(picture, at)
    return result


def _told(wish: Enlargement) -> Iterator[str]:
    if wish.width is None or wish.height is None:
        yield f"Postprocess upscale by: {wish.factor:g}"
    else:
        yield f"Postprocess upscale to: {wish.width}x{wish.height}"
        if wish.crop:
            yield f"Postprocess crop to: {wish.width}x{wish.height}"
    if wish.longest:
        yield f"Postprocess max side length: {wish.longest}"
    yield f"Postprocess upscaler: {wish.upscaler}"
    if wish.second != NO_UPSCALER and wish.share > 0:
        yield f"Postprocess upscaler 2: {wish.second}"
