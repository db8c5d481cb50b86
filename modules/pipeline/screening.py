"""What the safety checker says about pictures is obeyed before they leave the engine.

Flagged pictures are marked, made unrecognisable, or replaced by black ones, as the first release of
Stable Diffusion did. Where they may not be seen, unfinished ones are not shown either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from PIL import Image

from modules.schema.event import Event, ImageReady, Notice, Preview
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage

TAG, BLUR, BLOCK = "tag", "blur", "block"
"""What happens to a flagged picture; `modules.schema.tasks.Screened` names one."""
KEY = "Safety"
MARKS = {TAG: "flagged", BLUR: "blurred", BLOCK: "blocked"}
"""What recipes say of it."""
SENTENCES = {
    TAG: "The safety checker has flagged picture {}.",
    BLUR: "The safety checker has flagged picture {}; it is blurred.",
    BLOCK: "The safety checker has flagged picture {}; a black one is in its place.",
}
BLURRED_SIDE = 12
"""Pixels of the longer side that are left of a blurred picture."""


class Checker(Protocol):
    """Looks at pictures, such as `modules.model.safety.SafetyChecker`."""

    def flags(self, pictures: Sequence[np.ndarray]) -> list[bool]:
        """Whether each picture, (height, width, 3) uint8 RGB, should not be shown."""


def screened(events: Iterator[Event], checker: Checker, manner: str) -> Iterator[Event]:
    """Pass events on with their pictures as `manner` wants them; a notice follows a flagged one."""
    for event in events:
        if isinstance(event, Preview) and manner != TAG:
            continue
        if not isinstance(event, ImageReady) or event.image.image is None:
            yield event
            continue
        if not is_flagged(event.image.image, checker):
            yield event
            continue
        yield ImageReady(image=_treated(event.image, event.image.image, manner))
        yield Notice(message=SENTENCES[manner].format(event.image.index + 1))


def is_flagged(image: ImageData, checker: Checker) -> bool:
    """Whether a picture should not be shown, with or without what its transparency hides."""
    picture = Image.frombytes(image.mode, (image.width, image.height), image.data)
    views = [picture.convert("RGB")]
    if picture.mode == "RGBA":
        canvas = Image.new("RGBA", picture.size, "white")
        canvas.alpha_composite(picture)
        views.append(canvas.convert("RGB"))
    return any(checker.flags([np.asarray(view) for view in views]))


def _treated(drawn: GeneratedImage, image: ImageData, manner: str) -> GeneratedImage:
    """A flagged picture as it may leave, with a mark for its recipe."""
    replaced = {TAG: lambda same: same, BLUR: blurred, BLOCK: black}[manner](image)
    return replace(drawn, image=replaced, facts=(*drawn.facts, (KEY, MARKS[manner])))


def blurred(image: ImageData) -> ImageData:
    """A picture of which a dozen pixels are left, opaque and as large as before."""
    picture = Image.frombytes(image.mode, (image.width, image.height), image.data)
    longest = max(picture.size)
    small = tuple(max(1, side * BLURRED_SIDE // longest) for side in picture.size)
    coarse = picture.convert("RGB").resize((small[0], small[1]), Image.Resampling.BOX)
    soft = coarse.resize(picture.size, Image.Resampling.BICUBIC).convert(image.mode)
    return ImageData(image.width, image.height, image.mode, soft.tobytes())


def black(image: ImageData) -> ImageData:
    """A black, opaque picture of the same size."""
    plain = Image.new("RGB", (image.width, image.height)).convert(image.mode)
    return ImageData(image.width, image.height, image.mode, plain.tobytes())
