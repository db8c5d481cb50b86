"""Cutting a picture into tiles and joining them again."""

import numpy as np
import pytest
import torch
from PIL import Image

from modules.model.upscaler import Upscaler
from modules.pipeline.tiles import Tiling, enlarge, ramp, starts


def doubling(scale=2, multiple=1):
    def network(picture):
        return torch.nn.functional.interpolate(picture, scale_factor=scale)

    return Upscaler("x", "nearest", scale, 0, multiple, 3, network)


@pytest.mark.parametrize(
    ("length", "side", "overlap", "wanted"),
    [
        (1024, 512, 64, [0, 256, 512]),
        (1024, 192, 8, [0, 166, 332, 499, 665, 832]),
        (768, 192, 8, [0, 144, 288, 432, 576]),
        (192, 192, 8, [0]),
        (100, 192, 8, [-92]),
    ],
)
def test_tiles_begin_where_a1111_cuts(length, side, overlap, wanted):
    assert starts(length, side, overlap) == wanted


@pytest.mark.parametrize("size", [(70, 50), (20, 90), (33, 33), (64, 64)])
@pytest.mark.parametrize("multiple", [1, 8])
def test_tiles_of_an_exact_network_join_without_a_trace(size, multiple):
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    wanted = picture.resize((2 * size[0], 2 * size[1]), Image.Resampling.NEAREST)
    for tiling in (Tiling(0, 0), Tiling(32, 8), Tiling(24, 0), Tiling(256, 8)):
        found = enlarge(picture, doubling(multiple=multiple), tiling)
        assert found.size == wanted.size
        assert np.array_equal(np.asarray(found), np.asarray(wanted))


def test_seams_are_blended_in_steps_of_whole_levels():
    mask = np.asarray(ramp((16, 4), 8, across=True))
    assert mask[0].tolist() == [0, 31, 63, 95, 127, 159, 191, 223] + [255] * 8
    assert np.array_equal(np.asarray(ramp((4, 16), 8, across=False)), mask.T)


def test_progress_is_told_for_each_tile_and_transparency_is_kept():
    told = []
    picture = Image.new("RGBA", (70, 50), (255, 0, 0, 128))
    result = enlarge(picture, doubling(), Tiling(32, 8), tell=lambda *done: told.append(done))
    assert told == [(done, 6) for done in range(7)]  # 3 across, 2 down
    assert result.mode == "RGBA"
    assert result.getpixel((70, 50)) == (255, 0, 0, 128)


def test_colours_reach_the_network_with_red_and_blue_exchanged():
    seen = []

    def network(picture):
        seen.append(picture[0, :, 0, 0].tolist())
        return picture

    kept = Upscaler("x", "same", 1, 0, 1, 3, network)
    picture = Image.new("RGB", (4, 4), (255, 51, 0))
    assert enlarge(picture, kept, Tiling(0, 0)).getpixel((0, 0)) == (255, 51, 0)
    assert seen == [pytest.approx([0.0, 0.2, 1.0])]
