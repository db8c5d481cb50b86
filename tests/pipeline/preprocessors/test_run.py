"""Preprocessors that need no network, each on a picture whose map is known."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from modules.errors import InvalidRequest, NotFound
from modules.pipeline.preprocessors.catalogue import (
    CONTROL_TYPES,
    ROWS,
    find_model,
    find_preprocessor,
    models_of,
    modules_of,
)
from modules.pipeline.preprocessors.run import image_of, make_map, mask_pixels, rgb_pixels
from modules.schema.inputs import ImageData

PLAIN = [row.name for row in ROWS if not row.file]
MODELS = ("control_v11p_sd15_canny [d14c016b]", "control_v11f1e_sd15_tile [a371b31b]", "mine")


@pytest.fixture(scope="module")
def scene():
    """A bright square and a dark ring on grey, 192 x 160."""
    pixels = np.full((160, 192, 3), 120, np.uint8)
    cv2.rectangle(pixels, (20, 30), (90, 110), (240, 230, 60), -1)
    cv2.circle(pixels, (140, 90), 30, (20, 30, 90), 4)
    return pixels


@pytest.mark.parametrize("name", PLAIN)
def test_every_preprocessor_makes_the_same_rgb_map_twice(scene, name):
    first = make_map(scene, name, resolution=128)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    assert (first == make_map(scene, name, resolution=128)).all()


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (64, 64)])
def test_odd_shapes_and_flat_pictures_are_no_trouble(name, shape):
    made = make_map(np.full((*shape, 3), 77, np.uint8), name, resolution=64)
    assert min(made.shape[:2]) >= 1


@pytest.mark.parametrize("name", ["canny", "mlsd", "softedge_gradient", "scribble_gradient"])
def test_edges_are_where_the_square_ends_and_not_inside_it(scene, name):
    made = make_map(scene, name, resolution=160)
    assert made[50:90, 17:24].max() > 127
    assert made[60:80, 45:65].max() < 40


@pytest.mark.parametrize("name", ["scribble_xdog", "lineart_standard"])
def test_dark_lines_become_bright(scene, name):
    ring = cv2.circle(np.zeros((160, 192), np.uint8), (140, 90), 30, 255, 2) > 0
    made = make_map(scene, name, resolution=160)[..., 0]
    assert made[ring].mean() > 150
    assert made[:20].max() < 40


def test_canny_is_opencv_s_at_this_resolution(scene):
    expected = cv2.Canny(np.pad(scene, ((0, 32), (0, 0), (0, 0)), mode="edge"), 50, 90)[:160]
    made = make_map(scene, "canny", resolution=160, threshold_a=50, threshold_b=90)
    assert (made[..., 0] == expected).all()


def test_defaults_stand_for_minus_one_and_limits_hold():
    canny = find_preprocessor("canny")
    assert (canny.resolution(-1), canny.threshold(1, -1), canny.threshold(2, -1)) == (512, 100, 200)
    assert (canny.resolution(9), canny.threshold(2, 999)) == (64, 255)
    assert find_preprocessor("tile_resample").resolution(512) is None


def test_colours_are_inverted_shrunk_and_put_into_squares(scene):
    assert (make_map(scene, "invert") == 255 - scene).all()
    assert make_map(scene, "tile_resample", threshold_a=2).shape == (80, 96, 3)
    assert make_map(scene, "tile_resample").shape == scene.shape
    grid = make_map(np.tile(scene, (4, 4, 1)), "color", resolution=512)
    assert (grid[:64, :64] == grid[0, 0]).all()


def test_threshold_splits_bright_from_dark(scene):
    made = make_map(scene, "threshold", resolution=160, threshold_a=50)
    assert (made[70, 50] == 255).all()
    assert set(np.unique(made)) == {0, 255}


def test_luminance_follows_gamma(scene):
    plain = make_map(scene, "recolor_luminance")
    assert (plain[..., 0] == cv2.cvtColor(scene, cv2.COLOR_RGB2LAB)[..., 0]).all()
    assert make_map(scene, "recolor_luminance", threshold_a=0.5).mean() > plain.mean()


def test_shuffling_keeps_colours_and_loses_places(scene):
    made = make_map(scene, "shuffle")
    assert made.shape == scene.shape
    assert (made != scene).any()
    assert abs(float(made.mean()) - float(scene.mean())) < 40


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("CANNY", "canny"),
        ("softedge_hed", "hed"),
        ("invert (from white bg & black line)", "invert"),
        ("inpaint_global_harmonious", "inpaint"),
        ("", "none"),
    ],
)
def test_names_shown_names_and_case_all_work(name, known):
    assert find_preprocessor(name).name == known


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(NotFound, match="'canny'"):
        find_preprocessor("cany")


def test_a_kind_of_control_lists_its_own_preprocessors_and_models():
    assert [row.name for row in modules_of("Canny")] == ["none", "invert", "canny"]
    assert models_of("Canny", MODELS) == [MODELS[0]]
    assert models_of("All", MODELS) == [*MODELS]
    for kind, (first, _) in CONTROL_TYPES.items():
        assert first in [row.name for row in modules_of(kind)]


@pytest.mark.parametrize(
    "name",
    [
        MODELS[0],
        "control_v11p_sd15_canny",
        "CONTROL_V11P_SD15_CANNY [d14c016b]",
        "d14c016b",
        "control_v11p_sd15_canny [00000000]",
    ],
)
def test_a_model_is_found_by_entry_name_or_hash(name):
    assert find_model(name, MODELS) == MODELS[0]


def test_no_model_is_none_and_an_unknown_one_offers_the_nearest():
    assert find_model("none", MODELS) == "None"
    with pytest.raises(NotFound, match="sd15_tile"):
        find_model("control_v11_sd15_tile", MODELS)


def test_pictures_lie_on_white_and_masks_are_hard():
    half = ImageData(2, 1, "RGBA", bytes([10, 20, 30, 255, 0, 0, 0, 0]))
    assert rgb_pixels(half).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert mask_pixels(half)[..., 0].tolist() == [[255, 0]]
    grey = ImageData(3, 1, "L", bytes([0, 127, 128]))
    assert mask_pixels(grey)[..., 0].tolist() == [[0, 0, 255]]
    assert image_of(mask_pixels(grey), "L") == ImageData(3, 1, "L", bytes([0, 0, 255]))


def test_pixels_that_do_not_fit_are_refused():
    with pytest.raises(InvalidRequest, match="5 bytes"):
        rgb_pixels(ImageData(2, 1, "RGB", b"12345"))


def test_plain_preprocessors_need_no_torch():
    code = (
        "import sys, numpy as np\n"
        "from modules.pipeline.preprocessors.run import make_map\n"
        "make_map(np.zeros((64, 64, 3), np.uint8), 'canny')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
