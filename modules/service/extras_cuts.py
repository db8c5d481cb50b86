"""What Extras does with a picture besides enlarging it: cut it up, crop it, mirror it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from PIL import Image, ImageOps

from modules.errors import InvalidRequest
from modules.param import param
from modules.pipeline.resize import Picture

GRAIN = 64
"""Pixels that the sides of an automatic crop are multiples of."""
LARGEST, CLOSEST = OBJECTIVES = ("Maximize area", "Minimize error")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Long pictures become several squares that overlap."""

    threshold: float = param(
        0.5,
        "Threshold",
        minimum=0,
        maximum=1,
        step=0.05,
        help="Split when the short side is at most this share of the long one.",
    )
    overlap: float = param(0.2, "Overlap ratio", minimum=0, maximum=0.9, step=0.05)


@dataclass(frozen=True, kw_only=True)
class AutoCrop:
    """The middle of a picture at the size, of those allowed, that suits its shape."""

    least: int = param(384, "Dimension lower bound", minimum=64, maximum=2048, step=8)
    most: int = param(768, "Dimension upper bound", minimum=64, maximum=2048, step=8)
    least_area: int = param(64 * 64, "Area lower bound", minimum=4096, maximum=2**22, step=1)
    most_area: int = param(640 * 640, "Area upper bound", minimum=4096, maximum=2**22, step=1)
    objective: str = param(LARGEST, "Resizing objective", choices=OBJECTIVES)
    threshold: float = param(
        0.1,
        "Error threshold",
        minimum=0,
        maximum=1,
        step=0.01,
        help="How far the shape may be off; a picture no size suits is left as it is.",
    )


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Which mirrored copies are made besides."""

    horizontal: bool = param(True, "Horizontal")
    vertical: bool = param(False, "Vertical")
    both: bool = param(False, "Both")


def pieces(picture: Picture, wish: Split) -> list[Picture]:
    """The squares of a long picture in order, spread evenly; the picture itself if it is not."""
    short, long = sorted(picture.size)
    if short == long or short / long > wish.threshold:
        return [picture]
    count = max(2, ceil((long - wish.overlap * short) / (short * (1 - wish.overlap))))
    places = [round(number * (long - short) / (count - 1)) for number in range(count)]
    if picture.width > picture.height:
        return [picture.crop((at, 0, at + short, short)) for at in places]
    return [picture.crop((0, at, short, at + short)) for at in places]


def best_size(size: tuple[int, int], wish: AutoCrop) -> tuple[int, int] | None:
    """The allowed size for a picture of `size`; None if none suits. Raises InvalidRequest."""
    if wish.objective not in OBJECTIVES:
        raise InvalidRequest(
            f"There is no objective {wish.objective!r:.80}.", f"Choose one of {OBJECTIVES}."
        )
    shape = size[0] / size[1]
    sides = range(ceil(wish.least / GRAIN) * GRAIN, wish.most + 1, GRAIN)
    found = []
    for width in sides:
        for height in sides:
            area = width * height
            error = 1 - min(shape / (width / height), (width / height) / shape)
            if wish.least_area <= area <= wish.most_area and error <= wish.threshold:
                merit = (area, -error) if wish.objective == LARGEST else (-error, area)
                found.append((merit, (width, height)))
    return max(found)[1] if found else None


def cropped(picture: Picture, wish: AutoCrop) -> Picture:
    """The middle of `picture` at its best size, or the picture as it is."""
    size = best_size(picture.size, wish)
    return picture if size is None else ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def with_flips(picture: Picture, wish: Flips) -> Iterator[Picture]:
    """The picture, then its mirrored copies."""
    yield picture
    if wish.horizontal:
        yield ImageOps.mirror(picture)
    if wish.vertical:
        yield ImageOps.flip(picture)
    if wish.both:
        yield ImageOps.mirror(ImageOps.flip(picture))
