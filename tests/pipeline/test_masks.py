"""Masks and the regions they are about."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from modules.pipeline.masks import (
    Box,
    blurred,
    doubled,
    expanded,
    kernel_length,
    latent_mask,
    mask_of,
    region_of,
)
from tests.pipeline.reference import FOLDER

REGIONS = json.loads((FOLDER / "units" / "crop_regions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", REGIONS, ids=lambda case: f"{case['mask']}-{case['pad']}")
def test_regions_are_those_of_the_reference(case: dict) -> None:
    mask = Image.open(FOLDER / "data" / "inputs" / f"{case['mask']}.png").convert("L")
    region = region_of(mask, case["pad"])
    assert region is not None
    assert list(region) == case["region"]
    assert list(expanded(region, tuple(case["process"]), mask.size)) == case["expanded"]


@pytest.mark.parametrize(
    ("box", "size", "target", "wanted"),
    [
        ((100, 100, 228, 132), (512, 512), (512, 512), (100, 52, 228, 180)),
        ((68, 68, 260, 164), (512, 512), (512, 512), (68, 20, 260, 212)),
        ((0, 0, 82, 52), (512, 512), (512, 512), (0, 0, 82, 82)),
        ((418, 458, 512, 512), (512, 512), (512, 768), (418, 371, 512, 512)),
        ((10, 10, 500, 20), (512, 300), (512, 512), (10, 0, 500, 300)),
    ],
)
def test_a_region_grows_to_the_shape_that_is_drawn(
    box: Box, size: tuple[int, int], target: tuple[int, int], wanted: Box
) -> None:
    assert expanded(box, target, size) == wanted


def test_a_black_mask_has_no_region() -> None:
    assert region_of(Image.new("L", (64, 64)), 32) is None


@pytest.mark.parametrize(("sigma", "length"), [(1, 7), (4, 21), (8, 41), (64, 321)])
def test_the_blur_reaches_two_and_a_half_deviations(sigma: int, length: int) -> None:
    assert kernel_length(sigma) == length


def test_blur_may_differ_by_direction() -> None:
    mask = Image.new("L", (41, 41))
    mask.putpixel((20, 20), 255)
    sideways = np.asarray(blurred(mask, 2, 0))
    assert (sideways[20] > 0).sum() > 1 and (sideways[:, 20] > 0).sum() == 1


def test_transparency_is_the_mask_if_there_is_any() -> None:
    picture = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    assert mask_of(picture, hard=True).getpixel((0, 0)) == 255
    picture.putpixel((0, 0), (255, 255, 255, 100))
    assert [mask_of(picture, hard=hard).getpixel((0, 0)) for hard in (True, False)] == [0, 100]


def test_the_original_is_pasted_only_where_nothing_was_repainted() -> None:
    levels = Image.new("L", (3, 1))
    levels.putdata([0, 100, 200])
    assert list(doubled(levels).tobytes()) == [0, 200, 255]


def test_a_hard_latent_mask_is_all_or_nothing() -> None:
    mask = Image.linear_gradient("L").resize((64, 64))
    assert set(latent_mask(mask, 8, 8, hard=True).unique().tolist()) == {0.0, 1.0}
    soft = latent_mask(mask, 8, 8, hard=False)
    assert soft.shape == (8, 8) and len(soft.unique()) > 2 and soft.dtype == torch.float32
