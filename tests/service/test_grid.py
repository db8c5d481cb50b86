"""Pictures laid out in one."""

from dataclasses import replace

import pytest
from PIL import Image

from modules.schema.inputs import ImageData
from modules.service.formats import from_pillow, to_pillow
from modules.service.grid import grid_rows, image_grid, wants_grid
from modules.settings.sections.saving import Grids


def plain(colour, width=4, height=2):
    return from_pillow(Image.new("RGB", (width, height), colour))


@pytest.mark.parametrize(
    ("count", "rows", "batch", "expected"),
    [
        (1, -1, 1, 1),
        (2, -1, 2, 1),
        (3, -1, 1, 2),
        (4, -1, 1, 2),
        (6, -1, 1, 2),
        (7, -1, 1, 3),
        (12, -1, 1, 3),
        (6, 0, 2, 2),
        (6, 4, 1, 4),
        (3, 16, 1, 3),
    ],
)
def test_rows_follow_the_rule_of_a1111(count, rows, batch, expected):
    assert grid_rows(count, batch, Grids(rows=rows)) == expected


@pytest.mark.parametrize(("count", "expected"), [(12, 3), (7, 1), (8, 2), (9, 3), (1, 1)])
def test_empty_spots_can_be_prevented(count, expected):
    assert grid_rows(count, 1, Grids(no_empty_spots=True)) == expected


def test_a_grid_needs_two_pictures_unless_told_otherwise():
    assert not wants_grid(1, Grids())
    assert wants_grid(2, Grids())
    assert wants_grid(1, replace(Grids(), only_if_multiple=False))


def test_cells_are_filled_row_by_row_and_the_rest_is_black():
    sheet = to_pillow(image_grid([plain("red"), plain("lime"), plain("blue")], 2))
    assert sheet.size == (8, 4)
    assert [sheet.getpixel(at) for at in [(0, 0), (4, 0), (0, 2), (4, 2)]] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (0, 0, 0),
    ]


def test_smaller_pictures_stand_in_the_middle():
    sheet = to_pillow(image_grid([plain("red", 6, 6), ImageData(2, 2, "L", b"\xff" * 4)], 1))
    assert sheet.getpixel((6, 0)) == (0, 0, 0)
    assert sheet.getpixel((8, 2)) == (255, 255, 255)
