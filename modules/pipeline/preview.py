"""Rough pictures of what is being drawn, at most so often."""

import io
import math
import time
from collections.abc import Callable

from PIL import Image
from torch import Tensor

from modules.model.loader import Model
from modules.model.preview import latent_to_rgb
from modules.model.tiny_decoder import tiny_rgb
from modules.schema.event import Preview

LONGEST_SIDE = 512
QUALITY = 85


class Previews:
    """Decides when a preview is due and makes it."""

    def __init__(
        self, model: Model, interval_s: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """None for `interval_s` means no previews."""
        self.model, self.interval_s, self.clock = model, interval_s, clock
        self.last: float | None = None

    def of(self, denoised: Tensor) -> Preview | None:
        """A preview of (batch, channels, h, w), or None while it is too early for the next."""
        if self.interval_s is None:
            return None
        if self.last is not None and self.clock() - self.last < self.interval_s:
            return None
        preview = as_preview(self.model, denoised)
        self.last = self.clock()  # after the work: slow previews must not fill the time
        return preview


def as_preview(model: Model, denoised: Tensor) -> Preview:
    """All pictures of a batch in one JPEG, no larger than `LONGEST_SIDE`."""
    decoder = model.preview_decoder
    if decoder is not None:
        tiles = [tiny_rgb(decoder, one).numpy() for one in denoised]
    else:
        tiles = [latent_to_rgb(one, model.preview_factors).numpy() for one in denoised]
    columns = math.ceil(math.sqrt(len(tiles)))
    height, width = tiles[0].shape[:2]
    sheet = Image.new("RGB", (width * columns, height * math.ceil(len(tiles) / columns)))
    for place, tile in enumerate(tiles):
        at = (place % columns * width, place // columns * height)
        sheet.paste(Image.fromarray(tile), at)
    factor = min(1 if decoder else model.downsample, LONGEST_SIDE / max(sheet.size))
    size = max(1, round(sheet.width * factor)), max(1, round(sheet.height * factor))
    picture = sheet.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return Preview(jpeg=buffer.getvalue(), width=picture.width, height=picture.height)
