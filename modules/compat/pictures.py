"""Pixels between our records, Pillow and JSON."""

import base64
import io
from typing import Any

from PIL import Image

from modules.schema.inputs import ImageData

MARK = "easel:png"
"""Key of a picture among plain values."""


def to_pillow(pixels: ImageData) -> Image.Image:
    """Make a Pillow picture."""
    return Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.data)


def from_pillow(picture: Image.Image) -> ImageData:
    """Make our record, in RGB, RGBA or L."""
    if picture.mode not in ("RGB", "RGBA", "L"):
        picture = picture.convert("RGBA" if "A" in picture.mode else "RGB")
    return ImageData(picture.width, picture.height, picture.mode, picture.tobytes())


def to_plain(value: Any) -> Any:
    """What a control holds, as JSON can say it; pictures as PNG in base64. Raises TypeError."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): to_plain(one) for key, one in value.items()}
    if hasattr(value, "__array_interface__") and not isinstance(value, Image.Image):
        value = Image.fromarray(value)
    if isinstance(value, Image.Image):
        buffer = io.BytesIO()
        value.save(buffer, "PNG")
        return {MARK: base64.b64encode(buffer.getvalue()).decode("ascii")}
    raise TypeError(f"A {type(value).__name__} cannot be part of a request")


def from_plain(value: Any) -> Any:
    """What `to_plain` was given; pictures come back as Pillow's."""
    if isinstance(value, list | tuple):
        return [from_plain(one) for one in value]
    if isinstance(value, dict):
        if set(value) == {MARK}:
            picture = Image.open(io.BytesIO(base64.b64decode(value[MARK])))
            picture.load()
            return picture
        return {key: from_plain(one) for key, one in value.items()}
    return value
