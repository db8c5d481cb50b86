"""Tiles: A1111's places, and pictures that come back whole."""

import numpy as np
import pytest
from PIL import Image

from modules.service.scripts.tiles import tile_grid
from tests.service.scripts.stage import gradient


@pytest.mark.parametrize(
    ("side", "tile", "overlap", "edges"),
    [
        (1024, 512, 64, (0, 256, 512)),
        (1024, 192, 8, (0, 166, 332, 499, 665, 832)),
        (768, 192, 8, (0, 144, 288, 432, 576)),
        (512, 512, 64, (0,)),
        (500, 512, 64, (-12,)),
        (513, 512, 0, (0, 1)),
    ],
)
def test_tiles_are_where_a1111_has_them(side, tile, overlap, edges):
    assert tile_grid(side, 1024, tile, 512, overlap).columns == edges
    assert tile_grid(1024, side, 512, tile, overlap).rows == edges


@pytest.mark.parametrize("size", [(200, 130), (64, 64), (65, 300), (40, 50)])
@pytest.mark.parametrize("overlap", [0, 8, 16])
def test_tiles_that_were_not_changed_make_the_same_picture(size, overlap):
    picture = gradient(*size)
    grid = tile_grid(*size, 64, 64, overlap)
    again = grid.joined(grid.cut(picture))
    difference = np.abs(np.asarray(again).astype(int) - np.asarray(picture).astype(int))
    assert difference.max() <= 1  # blending a level with itself may lose one


def test_the_first_columns_of_a_tile_fade_in_linearly():
    grid = tile_grid(96, 64, 64, 64, 32)
    joined = grid.joined([Image.new("RGB", (64, 64), "black"), Image.new("RGB", (64, 64), "white")])
    levels = [joined.getpixel((32 + k, 5))[0] for k in range(32)]
    assert levels == [int(k * 255 / 32) for k in range(32)]
    assert joined.getpixel((31, 5)) == (0, 0, 0)
    assert joined.getpixel((64, 5)) == (255, 255, 255)


def test_rows_fade_as_columns_do():
    tiles = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white")]
    sideways = tile_grid(96, 64, 64, 64, 32).joined(tiles)
    downwards = tile_grid(64, 96, 64, 64, 32).joined(tiles)
    assert np.array_equal(np.asarray(sideways), np.asarray(downwards).transpose(1, 0, 2))
