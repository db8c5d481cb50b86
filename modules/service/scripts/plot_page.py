"""A plot as a page to zoom through: one file, everything in it, nothing asked of anybody."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

TEMPLATE = Path(__file__).with_suffix(".html")
MARK = "{{PLOT}}"
SIDES = ((64, 1024), (256, 640), (1024, 384))
"""Up to so many cells, pictures are at most so many pixels a side; beyond, 256."""
SMALLEST_SIDE = 256
QUALITY = 88


@dataclass(frozen=True, kw_only=True)
class PageCell:
    """A cell of the plot: where it is, how to get its picture, and its recipe."""

    place: tuple[int, int, int]
    picture: Callable[[], Image.Image | None]
    recipe: str = ""


@dataclass(frozen=True, kw_only=True)
class PlotPage:
    """What the page shows. Labels are those of the legend, one for each value."""

    title: str
    x: Sequence[str]
    y: Sequence[str]
    z: Sequence[str]
    cells: Sequence[PageCell]

    def html(self) -> bytes:
        """The whole page as UTF-8."""
        side = next((side for count, side in SIDES if len(self.cells) <= count), SMALLEST_SIDE)
        plot = {
            "title": self.title,
            "x": list(self.x),
            "y": list(self.y),
            "z": list(self.z),
            "cells": [_plain(cell, side) for cell in self.cells],
        }
        # so that no text can end the element it stands in
        data = json.dumps(plot, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", " ")
        return TEMPLATE.read_text("utf-8").replace(MARK, data).encode("utf-8", "replace")


def _plain(cell: PageCell, side: int) -> dict[str, object]:
    x, y, z = cell.place
    picture = cell.picture()
    image = "" if picture is None else _data_uri(picture, side)
    return {"x": x, "y": y, "z": z, "image": image, "recipe": cell.recipe}


def _data_uri(picture: Image.Image, side: int) -> str:
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
