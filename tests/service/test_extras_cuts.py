"""What Extras cuts, crops and mirrors."""

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.service.extras_cuts import (
    CLOSEST,
    AutoCrop,
    Flips,
    Split,
    best_size,
    cropped,
    pieces,
    with_flips,
)


def gradient(width, height):
    row = np.arange(width) % 256
    return Image.fromarray(np.tile(row, (height, 1)).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_a_long_picture_becomes_squares_that_cover_all_of_it(size):
    cut = pieces(gradient(*size), Split(threshold=0.5, overlap=0.2))
    assert [piece.size for piece in cut] == [(100, 100)] * 4
    if size == (300, 100):
        assert [piece.getpixel((0, 0))[0] for piece in cut] == [0, 67, 133, 200]


def test_a_picture_that_is_not_long_stays_whole():
    picture = gradient(150, 100)
    assert pieces(picture, Split(threshold=0.5)) == [picture]
    assert len(pieces(gradient(100, 100), Split(threshold=1))) == 1


def test_the_crop_has_the_largest_or_the_closest_size_allowed():
    assert best_size((1000, 1000), AutoCrop()) == (640, 640)
    assert best_size((1600, 1000), AutoCrop(threshold=0.2)) == (768, 512)
    assert best_size((1100, 1000), AutoCrop(objective=CLOSEST)) == (640, 576)
    assert best_size((5000, 100), AutoCrop()) is None


def test_a_picture_no_size_suits_is_left_alone():
    picture = gradient(500, 10)
    assert cropped(picture, AutoCrop()) is picture
    assert cropped(gradient(100, 100), AutoCrop()).size == (640, 640)


def test_an_unknown_objective_is_refused():
    with pytest.raises(InvalidRequest, match="objective"):
        best_size((1, 1), AutoCrop(objective="Best"))


def test_copies_are_mirrored_as_asked():
    picture = gradient(4, 2)
    both = list(with_flips(picture, Flips(horizontal=True, vertical=False, both=True)))
    assert [one.getpixel((0, 0))[0] for one in both] == [0, 3, 3]
