"""A large picture through a network that has memory for a small one, as A1111 cuts and joins it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from modules.model.upscaler import Upscaler

Picture = Image.Image


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut: side of a tile and overlap, in pixels; side 0 takes it whole."""

    side: int = 192
    overlap: int = 8


USUAL = Tiling()
WHOLE = Tiling(0, 0)


def starts(length: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin along an axis of `length` pixels.

    They are spread evenly; a picture shorter than a tile gives one tile at a negative place.
    """
    if length <= side:
        return [length - side]
    count = ceil((length - overlap) / (side - overlap))
    step = (length - side) / (count - 1) if count > 1 else 0.0
    return [min(int(number * step), length - side) for number in range(count)]


def enlarge(
    picture: Picture,
    upscaler: Upscaler,
    tiling: Tiling = USUAL,
    device: torch.device | str = "cpu",
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Picture:
    """The network's picture, `upscaler.scale` times as large. `tell` hears tiles done and in all.

    Transparency is enlarged with Lanczos. Neighbouring tiles are blended over the first `overlap`
    pixels of the later one.
    """
    if picture.mode == "RGBA":
        size = picture.width * upscaler.scale, picture.height * upscaler.scale
        alpha = picture.getchannel("A").resize(size, Image.Resampling.LANCZOS)
        opaque = enlarge(picture.convert("RGB"), upscaler, tiling, device, tell)
        opaque.putalpha(alpha)
        return opaque
    picture = picture.convert("RGB")
    if not tiling.side:
        tell(0, 1)
        return through(picture, upscaler, device)
    side, overlap, scale = tiling.side, min(tiling.overlap, tiling.side - 1), upscaler.scale
    rows, columns = (starts(length, side, overlap) for length in (picture.height, picture.width))
    total = len(rows) * len(columns)
    strips = []
    for row, top in enumerate(rows):
        parts = []
        for column, left in enumerate(columns):
            tell(row * len(columns) + column, total)
            tile = picture.crop((left, top, left + side, top + side))
            parts.append((left * scale, through(tile, upscaler, device)))
        strips.append(
            (top * scale, joined(parts, picture.width * scale, overlap * scale, across=True))
        )
    tell(total, total)
    return joined(strips, picture.height * scale, overlap * scale, across=False)


def joined(parts: list[tuple[int, Picture]], length: int, overlap: int, *, across: bool) -> Picture:
    """Pictures side by side (or one below the other) at their places, blended where they meet."""
    first = parts[0][1]
    size = (length, first.height) if across else (first.width, length)
    result = Image.new("RGB", size)
    for number, (place, part) in enumerate(parts):
        where = (place, 0) if across else (0, place)
        if number == 0 or overlap == 0:
            result.paste(part, where)
            continue
        result.paste(part, where, ramp(part.size, overlap, across=across))
    return result


def ramp(size: tuple[int, int], overlap: int, *, across: bool) -> Picture:
    """A mask (L) that rises over the first `overlap` pixels and is opaque after that."""
    rising = (np.arange(overlap) * 255 / overlap).astype(np.uint8)
    width, height = size
    mask = np.full((height, width), 255, dtype=np.uint8)
    if across:
        mask[:, :overlap] = rising[None, : min(overlap, width)]
    else:
        mask[:overlap, :] = rising[: min(overlap, height), None]
    return Image.fromarray(mask)


def through(picture: Picture, upscaler: Upscaler, device: torch.device | str) -> Picture:
    """One piece through the network, in the order of colours that A1111 hands over: BGR."""
    pixels = np.asarray(picture, dtype=np.uint8)[:, :, ::-1]
    small = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255  # (1, 3, h, w)
    padded = fitting(small, upscaler)
    drawn = upscaler(padded.to(device)).cpu()
    height, width = picture.height * upscaler.scale, picture.width * upscaler.scale
    levels = drawn[0, :, :height, :width].mul(255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).numpy()[:, :, ::-1])


def fitting(small: Tensor, upscaler: Upscaler) -> Tensor:
    """(1, 3, h, w) with rows and columns repeated at the end until the network takes it."""
    height, width = (_side(length, upscaler) for length in small.shape[2:])
    return F.pad(small, (0, width - small.shape[3], 0, height - small.shape[2]), mode="replicate")


def _side(length: int, upscaler: Upscaler) -> int:
    least = max(length, upscaler.smallest)
    return ceil(least / upscaler.multiple) * upscaler.multiple
