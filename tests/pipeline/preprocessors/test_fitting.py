"""Maps brought to the drawing's size, by numbers."""

import cv2
import numpy as np
import pytest

from modules.errors import InvalidRequest
from modules.pipeline.preprocessors.fitting import (
    border_colour,
    fitted,
    looked_at,
    pixel_perfect,
    resized,
    thinned,
)

JUST, CROP, FILL = "Just Resize", "Crop and Resize", "Resize and Fill"


def grey(height, width, level=0):
    """A flat picture."""
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("size", "target", "mode", "expected"),
    [
        ((640, 480), (512, 512), CROP, 512),
        ((640, 480), (512, 512), JUST, 512),
        ((640, 480), (512, 512), FILL, 384),
        ((1000, 1000), (512, 768), CROP, 768),
        ((1000, 1000), (512, 768), FILL, 512),
        ((3, 1), (1024, 1), FILL, 1),
        ((4, 2), (5, 2), CROP, 2),  # 2.5 goes to the even side
        ((4, 2), (7, 2), CROP, 4),  # and so does 3.5
    ],
)
def test_pixel_perfect_is_the_shorter_side_times_the_scale_to_come(size, target, mode, expected):
    assert pixel_perfect(size, target, mode) == expected


@pytest.mark.parametrize("mode", [JUST, CROP, FILL])
@pytest.mark.parametrize("size", [(480, 640), (640, 480), (96, 96), (31, 500), (512, 512)])
def test_every_mode_gives_exactly_the_size_wanted(mode, size):
    assert fitted(grey(*size, 9), 512, 384, mode).shape == (384, 512, 3)


def test_crop_takes_the_middle():
    pixels = np.repeat(np.arange(90, dtype=np.uint8)[None, :, None], 30, 0).repeat(3, 2)
    middle = fitted(pixels, 30, 30, CROP)
    assert (middle[0, :, 0] == np.arange(30, 60)).all()


def test_crop_scales_by_the_larger_ratio_and_rounds_what_is_cut():
    # 640 x 480 to 512 x 512: scale 512/480, so 683 wide, and (683 - 512) // 2 = 85 are cut off left
    pixels = grey(480, 640)
    pixels[:, 90:] = 255
    edge = int(np.argmax(fitted(pixels, 512, 512, CROP)[0, :, 0] > 127))
    assert abs(edge - (90 * 512 / 480 - 85)) <= 1


def test_fill_puts_the_picture_in_the_middle_of_its_border_s_median_colour():
    pixels = grey(40, 80, 200)
    pixels[10:30, 10:70] = 7
    whole = fitted(pixels, 80, 80, FILL)
    assert (whole[:20] == 200).all()
    assert (whole[60:] == 200).all()
    assert (whole[20:60] == pixels).all()


def test_the_border_s_colour_is_its_median_by_channel():
    pixels = grey(5, 5, 10)
    pixels[0] = (1, 2, 255)
    assert border_colour(pixels).tolist() == [10, 10, 10]


def test_labels_keep_their_exact_colours():
    rng = np.random.default_rng(1)
    palette = np.array([[1, 2, 3], [40, 50, 60], [200, 10, 99]], np.uint8)
    pixels = palette[rng.integers(0, 3, (32, 32))]
    for side in (20, 77):
        found = np.unique(resized(pixels, side, side).reshape(-1, 3), axis=0)
        assert {tuple(one) for one in found} <= {tuple(one) for one in palette}


def test_photographs_shrink_by_area_and_grow_by_lanczos():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (resized(pixels, 16, 16) == cv2.resize(pixels, (16, 16), interpolation=3)).all()
    assert (resized(pixels, 96, 96) == cv2.resize(pixels, (96, 96), interpolation=4)).all()


@pytest.mark.parametrize("side", [48, 100, 128, 300])
def test_thin_lines_stay_black_and_white_thin_and_unbroken(side):
    pixels = grey(128, 128)
    cv2.line(pixels, (10, 20), (118, 90), (255, 255, 255), 1)
    lines = resized(pixels, side, side)[..., 0]
    assert set(np.unique(lines)) == {0, 255}
    scale = side / 128
    inside = lines[:, round(14 * scale) : round(114 * scale)] > 0
    assert inside.any(axis=0).all()  # a line through every column
    assert inside.sum(axis=0).mean() < 3


def test_ridges_become_lines_of_about_one_pixel():
    levels = np.zeros((40, 40), np.uint8)
    levels[18:23] = 255
    lines = thinned(levels)
    assert (lines[20] == 255).all()
    assert lines[:, 5:-5].sum() == 30 * 255  # the ends of a line may branch


def test_the_preprocessor_sees_multiples_of_64_and_its_map_has_the_resolution():
    seen = []

    def look(pixels):
        seen.append(pixels.shape)
        return pixels

    made = looked_at(grey(480, 640, 5), 300, look)
    assert seen == [(320, 448, 3)]
    assert made.shape == (300, 400, 3)


def test_a_resolution_beyond_all_memory_is_refused():
    with pytest.raises(InvalidRequest, match="look at"):
        looked_at(grey(1, 5000), 2048, lambda pixels: pixels)
