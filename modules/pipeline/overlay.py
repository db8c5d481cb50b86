"""Putting what was not repainted back over the result, and filling what will be."""

from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from modules.pipeline.masks import Box
from modules.pipeline.resize import Enlarge, crop

Picture = Image.Image

FILL_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Radius in pixels, and how often that layer is laid on."""


def without_masked(picture: Picture, mask: Picture) -> Picture:
    """`picture` as RGBA, transparent where `mask` (mode L, of the same size) is white."""
    return _premultiplied_without(picture, mask).convert("RGBA")


def _premultiplied_without(picture: Picture, mask: Picture) -> Picture:
    """The same with premultiplied colours (RGBa), which decides half transparent pixels."""
    kept = Image.new("RGBa", picture.size)
    kept.paste(picture.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask))
    return kept


def filled(picture: Picture, mask: Picture) -> Picture:
    """Paint the masked part over with the colours around it; RGB."""
    kept = _premultiplied_without(picture, mask)
    result = Image.new("RGBA", picture.size)
    for radius, times in FILL_BLURS:
        layer = kept.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            result.alpha_composite(layer)
    return result.convert("RGB")


@dataclass(frozen=True)
class Overlay:
    """What lies over a result: `picture` is RGBA; `box` is where the result goes, None for all."""

    picture: Picture
    box: Box | None = None
    enlarge: Enlarge | None = None
    """For a region larger than what was drawn."""

    def put_on(self, result: Picture, *, visible: bool = True) -> Picture:
        """The result in its place, and over it the original unless it is not `visible`; RGB."""
        if self.box is not None:
            left, top, right, bottom = self.box
            canvas = Image.new("RGBA", self.picture.size)
            canvas.paste(crop(result, right - left, bottom - top, self.enlarge), (left, top))
            result = canvas
        if visible:
            result = result.convert("RGBA")
            result.alpha_composite(self.picture)
        return result.convert("RGB")
