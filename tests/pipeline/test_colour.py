"""Matching a result's colours to the original's."""

import numpy as np
from PIL import Image

from modules.pipeline.colour import corrected, luminosity, matched, with_luminosity


def test_matching_to_itself_changes_nothing() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    assert np.array_equal(matched(levels, levels), levels)


def test_matching_takes_over_the_range_of_the_template() -> None:
    source = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
    template = (source // 2 + 64).astype(np.uint8)
    result = matched(source, template)
    assert (result.min(), result.max()) == (64, 191)


def test_luminosity_is_set_and_colours_stay_within_bounds() -> None:
    colours = np.random.default_rng(1).random((8, 8, 3))
    wanted = np.random.default_rng(2).random((8, 8))
    moved = with_luminosity(colours, wanted)
    assert np.allclose(luminosity(moved), wanted, atol=1e-6)
    assert moved.min() > -1e-9 and moved.max() < 1 + 1e-9


def test_the_result_keeps_its_own_luminosity() -> None:
    noise = np.random.default_rng(3).integers(60, 200, (32, 32, 3), dtype=np.uint8)
    reference = noise.copy()
    reference[..., 0] //= 2
    result = np.asarray(corrected(Image.fromarray(noise), Image.fromarray(reference)))
    apart = np.abs(luminosity(result / 255.0) - luminosity(noise / 255.0))
    assert apart.max() < 2 / 255
    assert result[..., 0].mean() < noise[..., 0].mean() - 10
