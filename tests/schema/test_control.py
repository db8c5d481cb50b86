"""Units of control as plain data and as text."""

from dataclasses import replace

import pytest

from modules.errors import InvalidRequest
from modules.schema.codec import from_json, to_json
from modules.schema.control import ControlUnit, active_units
from modules.schema.infotext import write_infotext
from modules.schema.infotext_read import read_infotext
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

UNIT = ControlUnit(
    module="canny",
    model="control_v11p_sd15_canny [d14c016b]",
    processor_res=512,
    threshold_a=100,
    threshold_b=200,
    pixel_perfect=True,
)
WRITTEN = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1.0, "
    "Resize Mode: Crop and Resize, Processor Res: 512, Threshold A: 100, Threshold B: 200, "
    "Guidance Start: 0.0, Guidance End: 1.0, Pixel Perfect: True, Control Mode: Balanced, "
    "Hr Option: Both"
)
DOT = ImageData(1, 1, "RGB", b"\x01\x02\x03")
PICTURE = GeneratedImage(
    index=0, seed=1, subseed=2, prompt="a cat", negative_prompt="", width=512, height=512
)


def recipe(*units: ControlUnit) -> str:
    """The recipe of a picture drawn with `units`."""
    request = GenerationRequest(prompt="a cat", control=units)
    return write_infotext(request, PICTURE, version="easel-v0.1.0")


def read(text: str, *base: ControlUnit) -> tuple[tuple[ControlUnit, ...], list[str]]:
    """The units of a recipe and the notices."""
    request, notices = read_infotext(text, GenerationRequest(control=base))
    return request.control, notices


def old_text(pairs: str) -> str:
    """A recipe around keys of an older version."""
    return f"a cat\nSteps: 20, Sampler: Euler a, Seed: 1, {pairs}, Version: v1.4.0"


def test_a_unit_is_written_in_the_words_people_know():
    assert f'ControlNet 0: "{WRITTEN}"' in recipe(UNIT)


def test_a_switched_off_unit_is_not_mentioned_and_numbers_stay_places():
    text = recipe(replace(UNIT, enabled=False), UNIT)
    assert "ControlNet 0" not in text
    assert "ControlNet 1: " in text


def test_what_was_written_reads_back_the_same():
    unit = replace(UNIT, weight=0.75, control_mode="ControlNet is more important", threshold_a=0.25)
    units, _ = read(recipe(ControlUnit(enabled=False), unit))
    assert units == (ControlUnit(enabled=False), unit)


def test_a_comma_in_a_name_stays_in_the_name():
    unit = replace(UNIT, model="edges, fine: v2 [d14c016b]")
    assert read(recipe(unit))[0] == (unit,)


def test_the_picture_chosen_here_stays_and_a_missing_one_is_told():
    units, notices = read(recipe(UNIT), ControlUnit(image=DOT), ControlUnit(image=DOT))
    assert units == (replace(UNIT, image=DOT), ControlUnit(image=DOT, enabled=False))
    assert not notices
    assert any("choose it again" in notice for notice in read(recipe(UNIT))[1])


def test_a_recipe_without_control_switches_units_off():
    assert read(recipe(), replace(UNIT, image=DOT))[0] == (replace(UNIT, image=DOT, enabled=False),)


@pytest.mark.parametrize(
    "pairs",
    [
        'ControlNet 0: "preprocessor: canny, model: control_sd15_canny [fef5e48e], weight: 0.5, '
        "starting/ending: (0.1, 0.8), resize mode: Resize and Fill, pixel perfect: True, "
        'control mode: Balanced, preprocessor params: (512, 100, 200)"',
        "ControlNet-0 Preprocessor: canny, ControlNet-0 Model: control_sd15_canny [fef5e48e], "
        'ControlNet-0 Weight: 0.5, ControlNet-0 starting/ending: "(0.1, 0.8)", '
        "ControlNet-0 Resize Mode: Resize and Fill, ControlNet-0 Pixel Perfect: True, "
        'ControlNet-0 preprocessor params: "(512, 100, 200)"',
    ],
)
def test_texts_of_older_versions_are_read(pairs):
    (unit,), _ = read(old_text(pairs))
    assert unit == ControlUnit(
        module="canny",
        model="control_sd15_canny [fef5e48e]",
        weight=0.5,
        guidance_start=0.1,
        guidance_end=0.8,
        resize_mode="Resize and Fill",
        pixel_perfect=True,
        processor_res=512,
        threshold_a=100,
        threshold_b=200,
    )


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        ("ControlNet 0: canny", "cannot be read"),
        ('ControlNet 0: "Module: canny, Weight: heavy"', "'heavy'"),
        ('ControlNet 0: "Module: canny, Weight: nan"', "'nan'"),
        ('ControlNet 0: "Module: canny, Control Mode: wild"', "'wild'"),
        ('ControlNet 42: "Module: canny"', "at most 10"),
    ],
)
def test_what_cannot_be_used_becomes_a_notice(pair, word):
    assert any(word in notice for notice in read(old_text(pair))[1])


def test_a_request_with_units_survives_json():
    unit = replace(UNIT, image=DOT, mask=DOT, advanced_weighting=(0.5, 1.0))
    request = GenerationRequest(control=(unit, ControlUnit()))
    assert from_json(GenerationRequest, to_json(request)) == request


def test_a_number_outside_its_limits_is_refused_with_the_request():
    with pytest.raises(InvalidRequest, match="Ending control step"):
        GenerationRequest(control=(ControlUnit(guidance_end=1.5),)).check()


def test_units_without_weight_take_no_part():
    assert active_units((UNIT, replace(UNIT, weight=0), replace(UNIT, enabled=False))) == (UNIT,)
