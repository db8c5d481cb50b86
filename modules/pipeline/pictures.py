"""Pictures as plain data, as Pillow's and as tensors."""

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor

from modules.errors import InvalidRequest
from modules.schema.inputs import ImageData

Picture = Image.Image

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def as_picture(image: ImageData) -> Picture:
    """For Pillow. Raises InvalidRequest if the pixels are not what the record says."""
    channels = CHANNELS.get(image.mode)
    sides = image.width, image.height
    if channels is None or min(sides) < 1 or len(image.data) != channels * sides[0] * sides[1]:
        raise InvalidRequest(
            f"A picture of {sides[0]} x {sides[1]} pixels in mode {image.mode!r:.20} "
            f"with {len(image.data)} bytes makes no sense.",
            f"Modes are {', '.join(CHANNELS)}, with one byte a channel.",
        )
    return Image.frombytes(image.mode, sides, image.data)


def as_data(picture: Picture) -> ImageData:
    """The opposite of `as_picture`."""
    return ImageData(picture.width, picture.height, picture.mode, picture.tobytes())


def flattened(picture: Picture, background: str) -> Picture:
    """RGB, with `background` (#rrggbb or a name) behind what is transparent."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    try:
        colour = ImageColor.getrgb(background)
    except ValueError:
        raise InvalidRequest(
            f"{background!r:.40} is no colour.", "Write it like #ffffff, or by its English name."
        ) from None
    canvas = Image.new("RGBA", picture.size, colour)
    canvas.alpha_composite(picture)
    return canvas.convert("RGB")


def fractions(picture: Picture) -> Tensor:
    """RGB (3, H, W) or L (1, H, W), float32 from 0 to 1."""
    levels = np.array(picture, dtype=np.uint8)
    pixels = torch.from_numpy(levels.astype(np.float32) / 255.0)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
