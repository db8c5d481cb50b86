"""Filling what will be repainted, and putting back what was not."""

import numpy as np
from PIL import Image

from modules.pipeline.overlay import Overlay, filled, without_masked
from tests.pipeline.reference import FOLDER

INPUTS = FOLDER / "data" / "inputs"


def test_the_filled_picture_is_the_reference_s() -> None:
    picture = Image.open(INPUTS / "init_128x96.png").convert("RGB")
    mask = Image.open(INPUTS / "mask_128x96.png").convert("L")
    golden = Image.open(FOLDER / "units" / "masking_fill.png").convert("RGB")
    assert np.array_equal(np.asarray(filled(picture, mask)), np.asarray(golden))


def test_outside_the_mask_nothing_changes() -> None:
    original = Image.effect_noise((64, 64), 80).convert("RGB")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 32, 32))
    overlay = Overlay(without_masked(original, mask))
    result = np.asarray(overlay.put_on(Image.new("RGB", (64, 64), "red")))
    outside = np.asarray(mask) == 0
    assert np.array_equal(result[outside], np.asarray(original)[outside])
    assert (result[~outside] == (255, 0, 0)).all()


def test_a_region_is_pasted_where_it_was_cut_out() -> None:
    original = Image.new("RGB", (64, 64), "blue")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (8, 16, 24, 32))
    overlay = Overlay(without_masked(original, mask), (8, 16, 24, 32))
    result = overlay.put_on(Image.new("RGB", (128, 128), "red"))
    assert result.size == (64, 64)
    assert result.getpixel((8, 16)) == (255, 0, 0) and result.getpixel((24, 32)) == (0, 0, 255)


def test_without_the_original_the_rest_is_black() -> None:
    overlay = Overlay(Image.new("RGBA", (8, 8), "blue"), (0, 0, 4, 4))
    result = overlay.put_on(Image.new("RGB", (4, 4), "red"), visible=False)
    assert result.getpixel((0, 0)) == (255, 0, 0) and result.getpixel((6, 6)) == (0, 0, 0)
