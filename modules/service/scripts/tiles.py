"""Cutting a picture into overlapping tiles, and laying them together with soft edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from PIL import Image

from modules.service.scripts.script import Picture

OPAQUE = 255


@dataclass(frozen=True)
class TileGrid:
    """Where the tiles of a picture are: `columns` and `rows` hold their left and upper edges."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    overlap: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Left and upper edge of every tile, in reading order."""
        return [(x, y) for y in self.rows for x in self.columns]

    def cut(self, picture: Picture) -> list[Picture]:
        """The tiles of a picture, in reading order; black beyond its edges."""
        sides = self.tile_width, self.tile_height
        return [picture.crop((x, y, x + sides[0], y + sides[1])) for x, y in self.places]

    def joined(self, tiles: Sequence[Picture]) -> Picture:
        """One picture (RGB) of the tiles; the first `overlap` columns and rows fade in."""
        whole = Image.new("RGB", (self.width, self.height))
        for number, y in enumerate(self.rows):
            first = number * len(self.columns)
            band = self._band(tiles[first : first + len(self.columns)])
            if number == 0:
                whole.paste(band, (0, y))
            else:
                _lay(whole, band, (0, y), self.overlap, downwards=True)
        return whole

    def _band(self, tiles: Sequence[Picture]) -> Picture:
        band = Image.new("RGB", (self.width, self.tile_height))
        for number, (x, tile) in enumerate(zip(self.columns, tiles, strict=True)):
            if number == 0:
                band.paste(tile, (x, 0))
            else:
                _lay(band, tile, (x, 0), self.overlap, downwards=False)
        return band


def tile_grid(width: int, height: int, tile_width: int, tile_height: int, overlap: int) -> TileGrid:
    """As few tiles as cover a picture with at least `overlap` pixels between neighbours."""
    return TileGrid(
        width,
        height,
        tile_width,
        tile_height,
        overlap,
        _edges(width, tile_width, overlap),
        _edges(height, tile_height, overlap),
    )


def _edges(side: int, tile: int, overlap: int) -> tuple[int, ...]:
    """First pixels of the tiles of one direction; negative if the picture is smaller than one."""
    count = max(1, ceil((side - overlap) / (tile - overlap)))
    distance = (side - tile) / (count - 1) if count > 1 else 0
    return tuple(min(int(number * distance), side - tile) for number in range(count))


def _lay(
    below: Picture, tile: Picture, at: tuple[int, int], overlap: int, *, downwards: bool
) -> None:
    """Lay a tile over what is there; its first `overlap` columns, or rows, fade in."""
    if overlap > 0:
        soft = tile.crop((0, 0, tile.width, overlap) if downwards else (0, 0, overlap, tile.height))
        below.paste(soft, at, _ramp(soft.size, overlap, downwards=downwards))
    x, y = at
    if downwards:
        below.paste(tile.crop((0, overlap, tile.width, tile.height)), (x, y + overlap))
    else:
        below.paste(tile.crop((overlap, 0, tile.width, tile.height)), (x + overlap, y))


def _ramp(size: tuple[int, int], overlap: int, *, downwards: bool) -> Picture:
    """A mask that grows from 0 with every column, or row: k * 255 / overlap, rounded down."""
    levels = bytes(int(k * OPAQUE / overlap) for k in range(overlap))
    line = (1, overlap) if downwards else (overlap, 1)
    return Image.frombytes("L", line, levels).resize(size, Image.Resampling.NEAREST)
