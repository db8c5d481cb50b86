"""SD upscale, loopback and both outpaintings: their cells, seeds, masks and sums."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.service.formats import to_pillow
from modules.service.scripts.growth import Growth, growth
from modules.service.scripts.loopback import LOOPBACK, strength
from modules.service.scripts.matched_noise import matched_noise
from modules.service.scripts.outpainting import OUTPAINTING, Side
from modules.service.scripts.plain_outpainting import PLAIN_OUTPAINTING
from modules.service.scripts.sd_upscale import SD_UPSCALE
from tests.service.scripts.stage import call, gradient, play


def start_of(cell, index=0):
    return to_pillow(cell.request.img2img.images[index])


def echo(cell, index):
    """A painter that returns what it was given."""
    images = cell.request.img2img.images
    return to_pillow(images[min(index, len(images) - 1)])


def test_sd_upscale_draws_tiles_in_batches_whose_seeds_go_on(tmp_path):
    called = call(
        SD_UPSCALE, {"overlap": 16, "upscaler": "Lanczos"}, gradient(80, 64),
        **{"batch.batch_size": 2, "batch.n_iter": 2},
    )  # fmt: skip
    asked, sheets = play(SD_UPSCALE, called, tmp_path, echo)
    assert SD_UPSCALE.batches(called) == 10
    assert [[cell.request.seeds.seed for cell in cells] for cells in asked] == [
        [5, 6, 7, 8, 9],
        [6, 7, 8, 9, 10],
    ]
    assert {start_of(cell).size for cell in asked[0]} == {(64, 64)}
    assert not any(cell.keep or cell.shown for cell in asked[0])
    assert [sheet.picture.size for sheet in sheets] == [(160, 128)] * 2
    assert [sheet.image.seed for sheet in sheets] == [5, 6]
    assert sheets[0].facts == (("SD upscale overlap", 16), ("SD upscale upscaler", "Lanczos"))
    large = gradient(80, 64).resize((160, 128), Image.Resampling.LANCZOS)
    difference = np.asarray(sheets[0].picture).astype(int) - np.asarray(large).astype(int)
    assert np.abs(difference).max() <= 1


def test_sd_upscale_without_an_upscaler_keeps_the_size(tmp_path):
    _, sheets = play(SD_UPSCALE, call(SD_UPSCALE, {"overlap": 8}, gradient(70, 64)), tmp_path)
    assert sheets[0].picture.size == (70, 64)


def test_the_last_batch_of_tiles_is_as_large_as_what_is_left(tmp_path):
    called = call(SD_UPSCALE, {"overlap": 0}, gradient(192, 64), **{"batch.batch_size": 2})
    ((first, second),), _ = play(SD_UPSCALE, called, tmp_path)
    assert (first.request.batch.batch_size, second.request.batch.batch_size) == (2, 1)


@pytest.mark.parametrize("overlap", [64, 100])
def test_tiles_that_would_not_move_on_are_refused(overlap):
    with pytest.raises(InvalidRequest, match="cannot overlap"):
        SD_UPSCALE.check(call(SD_UPSCALE, {"overlap": overlap}, gradient(128, 128)))


@pytest.mark.parametrize(
    ("curve", "values"),
    [
        ("Linear", [0.2, 0.4, 0.6, 0.8]),
        ("Aggressive", [0.2, 0.5, 0.7196, 0.8]),
        ("Lazy", [0.2, 0.2804, 0.5, 0.8]),
    ],
)
def test_the_strength_follows_its_curve(curve, values):
    found = [strength(0.2, 0.8, curve, loop, 4) for loop in range(4)]
    assert found == pytest.approx(values, abs=1e-4)
    assert strength(0.3, 0.8, curve, 0, 1) == 0.3


def test_loops_start_from_the_picture_before_with_the_next_seed(tmp_path):
    called = call(LOOPBACK, {"loops": 3}, gradient(64, 64), **{"batch.n_iter": 2})
    asked, sheets = play(LOOPBACK, called, tmp_path)
    cells = [cells[0] for cells in asked]
    assert [cell.request.seeds.seed for cell in cells] == [5, 6, 7, 8, 9, 10]
    assert start_of(cells[3]).tobytes() == gradient(64, 64).tobytes()
    assert start_of(cells[1]).getpixel((0, 0)) == (5 * 37 % 256, 5 * 101 % 256, 5 * 197 % 256)
    assert {cell.request.batch.total for cell in cells} == {1}
    references = {cell.request.img2img.colour_reference.data for cell in cells}
    assert references == {gradient(64, 64).tobytes()}
    assert sheets[0].picture.size == (6 * 64, 64)


def test_each_loop_describes_the_picture_it_starts_from(tmp_path):
    asked = []

    def describe(image, by):
        asked.append((by, image.data[:3]))
        return f"{len(asked)} words"

    args = {"loops": 2, "append_interrogation": "DeepBooru"}
    called = call(LOOPBACK, args, gradient(64, 64), prompt="a cat")
    cells, _ = play(LOOPBACK, replace(called, describe=describe), tmp_path)
    assert [one.request.prompt for (one,) in cells] == ["a cat, 1 words", "a cat, 2 words"]
    assert [by for by, _ in asked] == ["deepdanbooru"] * 2
    assert asked[1][1] == bytes((5 * 37 % 256, 5 * 101 % 256, 5 * 197 % 256))


@pytest.mark.parametrize(
    ("size", "pixels", "directions", "grown"),
    [
        ((512, 512), 128, ("left", "right", "up", "down"), Growth(128, 128, 128, 128, 768, 768)),
        ((512, 512), 128, ("right",), Growth(0, 128, 0, 0, 640, 512)),
        ((500, 512), 100, ("left", "right"), Growth(102, 102, 0, 0, 704, 512)),
        ((500, 300), 8, ("left", "up"), Growth(12, 0, 20, 0, 512, 320)),
        ((100, 100), 30, ("down",), Growth(0, 0, 0, 92, 100, 192)),
    ],
)
def test_a_grown_picture_has_whole_multiples_of_64(size, pixels, directions, grown):
    assert growth(size, pixels, directions) == grown


def test_a_picture_that_grows_nowhere_is_refused():
    with pytest.raises(InvalidRequest, match="no direction"):
        growth((512, 512), 128, ())


def test_outpainting_mk2_grows_side_by_side_and_keeps_the_middle(tmp_path):
    called = call(OUTPAINTING, {"pixels": 64, "mask_blur": 1}, gradient(64, 64))
    asked, sheets = play(OUTPAINTING, called, tmp_path, echo)
    cells = [cells[0] for cells in asked]
    assert OUTPAINTING.batches(called) == len(cells) == 4
    sizes = [(cell.request.size.width, cell.request.size.height) for cell in cells]
    assert sizes == [(64, 64), (64, 64), (192, 64), (192, 64)]
    blurs = [(cell.request.img2img.inpaint.blur, cell.request.img2img.inpaint.blur_y)
             for cell in cells]  # fmt: skip
    assert blurs == [(4, 0), (4, 0), (0, 4), (0, 4)]
    result = sheets[0].picture
    assert result.size == (192, 192)
    kept = result.crop((66, 66, 126, 126))
    expected = gradient(64, 64).crop((2, 2, 62, 62))
    assert np.abs(np.asarray(kept).astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_the_masks_of_mk2_reach_into_the_old_picture(tmp_path):
    called = call(
        OUTPAINTING, {"pixels": 64, "mask_blur": 2, "direction": ("right",)}, gradient(128, 64),
        **{"size.width": 192},
    )  # fmt: skip
    ((cell,),), _ = play(OUTPAINTING, called, tmp_path, echo)
    inpaint = cell.request.img2img.inpaint
    assert to_pillow(inpaint.mask).getbbox() == (128 - 16, 0, 192, 64)
    assert to_pillow(inpaint.latent_mask).getbbox() == (128 - 4, 0, 192, 64)


@pytest.mark.parametrize(
    ("side", "window"),
    [
        (Side("left", 64), (0, 0, 64, 100)),
        (Side("right", 64), (100, 0, 164, 100)),
        (Side("up", 64), (0, 0, 100, 64)),
        (Side("down", 64), (0, 100, 100, 164)),
    ],
)
def test_the_window_that_is_drawn_lies_at_the_growing_edge(side, window):
    size = call(OUTPAINTING, {}, gradient(8, 8)).request.size
    assert side.window(side.canvas((100, 100)), size) == window


def test_noise_takes_the_colours_of_the_picture_and_leaves_the_known_part_alone():
    picture = np.random.default_rng(3).random((48, 64, 3)) * [0.5, 0.2, 0.1] + [0.4, 0.1, 0.0]
    mask = np.zeros((48, 64))
    mask[:, 40:] = 1
    filled = matched_noise(picture, mask, 1.0, 0.05)
    assert np.array_equal(filled[:, :40], picture[:, :40])
    means = filled[:, 40:].mean(axis=(0, 1))
    assert means == pytest.approx(picture[:, :40].mean(axis=(0, 1)), abs=0.03)
    assert filled.std() > 0.01
    assert np.array_equal(filled, matched_noise(picture, mask, 1.0, 0.05))


def test_a_black_picture_is_no_reason_to_stop():
    black = np.zeros((16, 16, 3))
    assert np.array_equal(matched_noise(black, np.eye(16), 1.0, 0.05), black)


def test_poor_mans_outpainting_draws_only_the_tiles_beyond_the_picture(tmp_path):
    called = call(
        PLAIN_OUTPAINTING,
        {"pixels": 32, "mask_blur": 4, "direction": ("right",), "inpainting_fill": "latent noise"},
        gradient(160, 64),
    )
    (cells,), sheets = play(PLAIN_OUTPAINTING, called, tmp_path)
    # 192 wide: tiles at 0, 32, 64, 96, 128; the last one alone reaches beyond 160
    assert [cell.request.seeds.seed for cell in cells] == [5]
    inpaint = cells[0].request.img2img.inpaint
    assert (inpaint.blur, inpaint.content, inpaint.area) == (8, "latent noise", "Whole picture")
    assert to_pillow(inpaint.mask).getbbox() == (160 - 8 - 128, 0, 64, 64)
    assert to_pillow(inpaint.latent_mask).getbbox() == (160 - 2 - 128, 0, 64, 64)
    result = sheets[0].picture
    assert result.size == (192, 64)
    assert (
        result.crop((0, 0, 128, 64)).tobytes() == gradient(160, 64).crop((0, 0, 128, 64)).tobytes()
    )
