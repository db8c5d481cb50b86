"""From units as people give them to finished maps at the drawing's size."""

from dataclasses import replace

import numpy as np
import pytest

from modules.errors import InvalidRequest
from modules.pipeline.preprocessors.prepare import ControlMaps, prepared_units
from modules.pipeline.preprocessors.run import image_of, rgb_pixels
from modules.schema.control import ControlUnit
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint
from modules.schema.request import GenerationRequest, Size


def picture(width, height):
    """Every pixel another colour."""
    rng = np.random.default_rng(width)
    return image_of(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def asked(*units, **parts):
    """A request for 64 x 64 with these units."""
    return GenerationRequest(size=Size(width=64, height=64), control=units, **parts)


UNIT = ControlUnit(image=picture(64, 64), model="x")


def only(request, width=64, height=64, **how):
    """The one prepared unit."""
    (unit,) = prepared_units(request, width, height, **how)
    return unit


def test_a_picture_of_the_right_size_passes_unchanged():
    assert only(asked(UNIT)).image == UNIT.image


def test_the_map_has_whole_cells_of_the_pass_s_size():
    image = only(asked(UNIT), 100, 75).image
    assert (image.width, image.height, image.mode) == (96, 72, "RGB")


def test_units_that_are_off_or_weigh_nothing_take_no_part():
    assert (
        prepared_units(asked(replace(UNIT, enabled=False), replace(UNIT, weight=0)), 64, 64) == ()
    )


@pytest.mark.parametrize(
    ("option", "first", "second"), [("Both", 1, 1), ("Low res only", 1, 0), ("High res only", 0, 1)]
)
def test_the_hires_option_chooses_passes_of_hires_pictures_only(option, first, second):
    unit = replace(UNIT, hr_option=option)
    request = asked(unit, hires=Hires())
    assert len(prepared_units(request, 64, 64)) == first
    assert len(prepared_units(request, 64, 64, second_pass=True)) == second
    assert len(prepared_units(asked(unit), 64, 64)) == 1


def test_numbers_are_filled_in_and_pixel_perfect_wins_over_the_resolution():
    unit = replace(UNIT, image=picture(640, 480), module="canny", processor_res=99)
    ready = only(asked(replace(unit, pixel_perfect=True)), 512, 512)
    assert (ready.processor_res, ready.threshold_a, ready.threshold_b) == (512, 100, 200)
    assert only(asked(unit), 512, 512).processor_res == 99


def test_without_a_picture_img2img_s_own_is_taken_in_its_resize_mode():
    start = picture(128, 64)
    request = asked(ControlUnit(), img2img=Img2Img(images=(start,), resize_mode="Crop and resize"))
    middle = rgb_pixels(start)[:, 32:96]
    assert (rgb_pixels(only(request).image) == middle).all()


def test_without_any_picture_the_unit_is_named():
    with pytest.raises(InvalidRequest, match="unit 1 has no picture"):
        prepared_units(asked(UNIT, ControlUnit()), 64, 64)


def test_only_the_part_that_is_drawn_is_taken_of_the_control_picture():
    start = picture(256, 256)
    mask = np.zeros((256, 256, 3), np.uint8)
    mask[100:132, 60:92] = 255
    inpaint = Inpaint(mask=image_of(mask, "L"), blur=0, area="Only masked", padding=16)
    unit = replace(UNIT, image=start)
    request = asked(unit, img2img=Img2Img(images=(start,), inpaint=inpaint))
    part = rgb_pixels(start)[84:148, 44:108]
    assert (rgb_pixels(only(request).image) == part).all()
    whole = only(replace(request, control=(replace(unit, inpaint_crop=False),)))
    assert (rgb_pixels(whole.image) != part).any()


def test_inpainting_gets_a_hard_mask_from_the_unit_or_from_img2img():
    mask = ImageData(2, 1, "L", b"\xff\x00")
    unit = replace(UNIT, module="inpaint_only", mask=mask, resize_mode="Just Resize")
    ready = only(asked(unit))
    assert (ready.mask.width, ready.mask.height, ready.mask.mode) == (64, 64, "L")
    levels = np.frombuffer(ready.mask.data, np.uint8).reshape(64, 64)
    assert (levels[:, :28] == 255).all()
    assert (levels[:, 36:] == 0).all()
    wish = Img2Img(images=(UNIT.image,), inpaint=Inpaint(mask=mask, mode="Inpaint not masked"))
    other = only(asked(replace(unit, image=None, mask=None), img2img=wish))
    assert other.mask.data[63] == 255
    assert other.mask.data[0] == 0


def test_inpainting_without_a_mask_is_refused():
    with pytest.raises(InvalidRequest, match="needs a mask"):
        prepared_units(asked(replace(UNIT, module="inpaint_only")), 64, 64)


def test_preprocessors_that_make_no_map_keep_the_whole_picture():
    unit = replace(UNIT, image=picture(100, 30), module="ip-adapter-auto")
    assert only(asked(unit)).image == unit.image
    assert only(asked(replace(unit, module="reference_only"))).threshold_a == 0.5


def test_maps_to_show_are_those_of_the_first_pass_and_asked_for():
    silent, reference = (
        replace(UNIT, save_detected_map=False),
        replace(UNIT, module="reference_only"),
    )
    maps = ControlMaps(asked(UNIT, silent, reference, hires=Hires()))
    assert maps.units(64, 64) is maps.units(64, 64)
    maps.units(128, 128, second_pass=True)
    assert maps.detected() == [UNIT.image]
