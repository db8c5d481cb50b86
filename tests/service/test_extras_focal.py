"""What matters in a picture, and crops around it."""

import numpy as np
import pytest
from PIL import Image

from modules.service.extras_focal import (
    FocalCrop,
    around_focus,
    busiest,
    entropy,
    focus_of,
    middle_of_corners,
    middle_of_faces,
    with_places,
)

EDGES = FocalCrop(width=64, height=64, faces=0, entropy=0, edges=1)


def plain(width, height, shade=90):
    return np.full((height, width, 3), shade, np.uint8)


def test_larger_faces_count_for_more():
    assert middle_of_faces([(0, 0, 20, 20), (100, 0, 110, 10)]) == pytest.approx((29, 9))
    assert middle_of_faces([]) is None


def test_a_square_has_its_corners_and_they_have_its_middle():
    grey = np.zeros((60, 80))
    grey[20:40, 50:70] = 255
    assert middle_of_corners(grey) == pytest.approx((60, 30), abs=1)


@pytest.mark.parametrize("grey", [np.zeros((40, 40)), np.tile(np.arange(40.0), (40, 1)), np.eye(3)])
def test_where_no_corner_is_there_is_none(grey):
    assert middle_of_corners(grey) is None


def test_entropy_counts_bits():
    assert entropy(np.zeros((8, 8))) == 0
    assert entropy(np.repeat([0.0, 255.0], 32).reshape(8, 8)) == 1
    assert entropy(np.arange(256.0).reshape(16, 16)) == 5  # of 32 shades


def test_the_busiest_window_is_where_most_is_to_be_seen():
    grey = np.full((40, 120), 128.0)
    grey[:, 80:] = np.random.default_rng(0).integers(0, 256, (40, 40))
    assert busiest(grey, 1.0) == (100, 20)
    assert busiest(np.zeros((40, 120)), 1.0) == (60, 20)  # nothing anywhere: the middle
    assert busiest(grey, 3.0) == (60, 20)  # all of it


def test_the_focus_is_the_mean_by_weight():
    pixels = plain(200, 100)
    pixels[40:60, 140:160] = 255
    picture = Image.fromarray(pixels)
    wish = FocalCrop(width=64, height=64, faces=0.5, entropy=0, edges=0.5)
    focus = focus_of(picture, wish, [(0, 40, 20, 60)])
    assert focus.faces == (10, 50)
    assert focus.edges == pytest.approx((150, 50), abs=2)
    assert focus.middle == pytest.approx((80, 50), abs=2)
    assert focus_of(picture, EDGES, [(0, 40, 20, 60)]).middle == pytest.approx((150, 50), abs=2)


def test_without_anything_the_middle_is_kept():
    focus = focus_of(Image.fromarray(plain(90, 50)), FocalCrop(), [])
    assert focus.middle == pytest.approx((45, 25), abs=1)
    assert focus_of(Image.fromarray(plain(90, 50)), EDGES, []).middle == (45, 25)


@pytest.mark.parametrize("at", [0, 60, 136])
def test_the_crop_has_its_size_and_holds_what_matters(at):
    pixels = plain(200, 100)
    pixels[30:70, at : at + 40] = (255, 0, 0)
    picture = Image.fromarray(pixels)
    crop = around_focus(picture, EDGES, focus_of(picture, EDGES, []))
    assert crop.size == (64, 64)
    red = np.asarray(crop).astype(int)
    assert (red[..., 0] - red[..., 1] > 100).sum() == pytest.approx(40 * 40 * 0.64**2, rel=0.1)


def test_a_small_picture_is_enlarged_to_the_wished_size():
    wish = FocalCrop(width=128, height=64)
    picture = Image.fromarray(plain(30, 50))
    assert around_focus(picture, wish, focus_of(picture, wish, [])).size == (128, 64)


def test_places_are_drawn_into_a_copy():
    picture = Image.fromarray(plain(100, 100))
    shown = with_places(
        picture, focus_of(picture, FocalCrop(), [(10, 10, 30, 30)]), [(10, 10, 30, 30)]
    )
    assert shown.getpixel((10, 20)) == (255, 0, 0)
    assert picture.getpixel((10, 20)) == (90, 90, 90)
