"""One preprocessor over one picture. Nothing here needs a network unless the preprocessor does."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import numpy as np
from PIL import Image

from modules.errors import InvalidRequest
from modules.pipeline.preprocessors.catalogue import Preprocessor, find_preprocessor
from modules.pipeline.preprocessors.fitting import HALF, Pixels, looked_at, resized
from modules.schema.control import UNSET
from modules.schema.inputs import ImageData

FindNetwork = Callable[[str], Any]
"""Gives the network in the file of that name. Raises ModelError if the file is not there."""

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
PAPER = (255, 255, 255, 255)
"""Behind what is transparent."""


def rgb_pixels(image: ImageData) -> Pixels:
    """The picture (height, width, 3), white behind what is transparent. Raises InvalidRequest."""
    picture = _pillow(image)
    if picture.mode == "RGBA":
        paper = Image.new("RGBA", picture.size, PAPER)
        paper.alpha_composite(picture)
        picture = paper
    return np.array(picture.convert("RGB"), np.uint8)


def mask_pixels(image: ImageData) -> Pixels:
    """A mask (height, width, 3) of 0 and 255; of RGBA what is opaque, else what is bright."""
    picture = _pillow(image)
    if picture.mode == "RGBA" and picture.getextrema()[-1] != (255, 255):
        levels = picture.getchannel("A")
    else:
        levels = picture.convert("L")
    white = np.where(np.asarray(levels) > HALF, 255, 0).astype(np.uint8)
    return white[..., None].repeat(3, axis=2)


def image_of(pixels: Pixels, mode: str = "RGB") -> ImageData:
    """Pixels (height, width, 3) as data; of mode L the first channel."""
    levels = pixels[..., 0] if mode == "L" else pixels
    height, width = levels.shape[:2]
    return ImageData(width, height, mode, np.ascontiguousarray(levels).tobytes())


def _pillow(image: ImageData) -> Image.Image:
    wanted = CHANNELS.get(image.mode, 0) * image.width * image.height
    if wanted < 1 or wanted != len(image.data):
        raise InvalidRequest(
            f"A control picture of {image.width} x {image.height} in mode {image.mode!r:.20} "
            f"cannot have {len(image.data)} bytes.",
            f"Modes are {', '.join(CHANNELS)}, with one byte a channel.",
        )
    return Image.frombytes(image.mode, (image.width, image.height), image.data)


def make_map(
    pixels: Pixels,
    module: str,
    *,
    resolution: int = UNSET,
    threshold_a: float = UNSET,
    threshold_b: float = UNSET,
    find_network: FindNetwork | None = None,
) -> Pixels:
    """The map (h, w, 3) that preprocessor `module` makes of a picture (height, width, 3).

    Negative numbers are its defaults. Its size follows the resolution, not the picture.
    Raises NotFound for an unknown preprocessor, ModelError where its network is missing.
    """
    row = find_preprocessor(module)
    look = _function(row, find_network)
    if look is None:
        return pixels
    a, b = row.threshold(1, threshold_a), row.threshold(2, threshold_b)
    return looked_at(pixels, row.resolution(resolution), lambda seen: look(seen, a, b))


def _function(
    row: Preprocessor, find_network: FindNetwork | None
) -> Callable[[Pixels, float, float], Pixels] | None:
    """What makes the map; None if the picture is handed on."""
    if not row.run:
        return None
    file, _, name = row.run.partition(":")
    if not row.file:
        module = import_module(f"modules.pipeline.preprocessors.{file}")
        return cast(Callable[[Pixels, float, float], Pixels], getattr(module, name))
    assert find_network is not None, f"{row.name} needs a network and nobody can find it"
    network = find_network(row.file)
    function = getattr(import_module(f"modules.pipeline.preprocessors.{file}"), name)
    return lambda pixels, a, b: function(pixels, a, b, network)


def shown_with_mask(pixels: Pixels, mask: Pixels | None) -> Pixels:
    """How a map for inpainting looks: black where it is repainted."""
    if mask is None:
        return pixels
    hole = resized(mask, pixels.shape[1], pixels.shape[0]) > HALF
    return np.where(hole, 0, pixels).astype(np.uint8)
