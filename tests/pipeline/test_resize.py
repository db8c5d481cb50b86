"""Fitting pictures into other sizes, against the reference's own results."""

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest, NotFound
from modules.pipeline.resize import (
    RESIZES,
    covering_size,
    find_upscaler,
    fitting_size,
    stretch,
    upscale,
)
from modules.pipeline.resize import fill as fill_in
from modules.schema.hires_size import PLAIN_UPSCALERS
from modules.schema.inputs import RESIZE_MODES
from tests.pipeline.reference import FOLDER


def source() -> Image.Image:
    return Image.open(FOLDER / "data" / "inputs" / "init_96x72.png").convert("RGB")


def golden(name: str) -> np.ndarray:
    return np.asarray(Image.open(FOLDER / "units" / f"{name}.png").convert("RGB"))


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize(("width", "height"), [(150, 100), (64, 128), (96, 72)])
def test_resize_modes_give_the_reference_s_pixels(mode: int, width: int, height: int) -> None:
    resize = RESIZES[RESIZE_MODES[mode]]
    assert resize is not None
    result = np.asarray(resize(source(), width, height, None))
    assert np.array_equal(result, golden(f"resize_mode{mode}_{width}x{height}"))


@pytest.mark.parametrize("name", PLAIN_UPSCALERS)
def test_upscalers_give_the_reference_s_pixels(name: str) -> None:
    result = stretch(source(), 140, 105, find_upscaler(name))
    assert np.array_equal(np.asarray(result), golden(f"resize_upscaler_{name}_140x105"))


@pytest.mark.parametrize(
    ("size", "cover", "fit"),
    [((640, 480), (682, 512), (512, 384)), ((480, 640), (512, 682), (384, 512))],
)
def test_a_picture_covers_or_fits_a_square(
    size: tuple[int, int], cover: tuple[int, int], fit: tuple[int, int]
) -> None:
    assert covering_size(size, (512, 512)) == cover
    assert fitting_size(size, (512, 512)) == fit


def test_upscaling_by_a_factor_ends_at_multiples_of_eight() -> None:
    assert upscale(Image.new("RGB", (33, 50)), 1.5, find_upscaler("Lanczos")).size == (48, 72)


def test_an_upscaler_that_does_nothing_is_asked_once() -> None:
    asked: list[float] = []

    def idle(picture: Image.Image, factor: float) -> Image.Image:
        asked.append(factor)
        return picture

    assert upscale(Image.new("RGB", (64, 64)), 2, idle).size == (128, 128)
    assert asked == [2]


def test_a_single_pixel_can_be_resized_in_every_mode() -> None:
    pixel = Image.new("RGB", (1, 1), (10, 20, 30))
    for resize in RESIZES.values():
        if resize is not None:
            result = resize(pixel, 64, 48, None)
            assert result.size == (64, 48)
            assert result.getpixel((32, 24)) == (10, 20, 30)


def test_a_line_is_refused_before_it_becomes_a_sheet_of_gigapixels() -> None:
    line = Image.new("RGB", (1, 20_000))
    crop = RESIZES["Crop and resize"]
    assert crop is not None
    with pytest.raises(InvalidRequest, match="on the way"):
        crop(line, 1024, 512, None)
    assert fill_in(line, 512, 512).size == (512, 512)


def test_an_unknown_upscaler_is_answered_with_a_near_one() -> None:
    with pytest.raises(NotFound, match="Lanczos"):
        find_upscaler("Lanczoz")
