"""Looking for the invisible watermark in any picture, and saying how sure that is."""

from dataclasses import dataclass

import numpy as np

from modules.errors import InvalidRequest
from modules.pipeline.watermark_reader import Mark, read_mark
from modules.schema.watermark import TEXT
from modules.service.read_pixels import read_pixels


@dataclass(frozen=True, kw_only=True)
class WatermarkFinding:
    """What there is to say about one picture."""

    found: bool
    sentence: str
    """The finding in words."""
    matched: int
    """Bits that are right, of `bits`; half of them are by chance."""
    bits: int
    chance: float
    """How probable so many right bits are without the mark, 0 to 1."""
    method: str
    text: str
    """What the bits spell."""


def check_watermark(
    content: bytes, name: str = "The picture", text: str = TEXT
) -> WatermarkFinding:
    """Look for `text` in a picture file. Raises InvalidRequest for what is none, or too small."""
    pixels = read_pixels(content, name)
    shape = (pixels.height, pixels.width, len(pixels.mode))
    picture = np.frombuffer(pixels.data, np.uint8).reshape(shape)[:, :, :3]
    mark = read_mark(picture, text, network=True)
    if mark is None:
        raise InvalidRequest(
            f"{name} is too small to hold the watermark.", "It needs about 100 x 100 pixels."
        )
    return WatermarkFinding(
        found=mark.found,
        sentence=_said(mark, text),
        matched=mark.matched,
        bits=mark.bits,
        chance=mark.chance,
        method=mark.method,
        text=mark.text,
    )


def _said(mark: Mark, text: str) -> str:
    share = f"{mark.matched} of {mark.bits} bits are right"
    if mark.found:
        odds = "less than once in a billion" if mark.chance < 1e-9 else f"{mark.chance:.1g}"
        return f"The watermark {text!r} is in this picture: {share} (by chance: {odds})."
    return (
        f"The watermark {text!r} was not found: {share}, where chance alone gives half. "
        "JPEG, resizing and cropping destroy it, so this proves nothing."
    )
