"""Every key of pictures made from pictures comes back from a saved file to where it was."""

from dataclasses import replace
from typing import Any

import pytest

from modules.param import Field, get_at, params_of, replace_at
from modules.schema.infotext import DRAWING_KNOWS, write_infotext
from modules.schema.infotext_read import read_infotext
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint, SoftInpaint
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.formats import encode
from modules.service.read_picture import read_infotext_from

PIXELS = ImageData(8, 8, "RGB", bytes(192))
FROM_PICTURE = GenerationRequest(
    prompt="a cat", img2img=Img2Img(inpaint=Inpaint(area="Only masked", soft=SoftInpaint()))
)
TWICE = GenerationRequest(prompt="a cat", hires=Hires())
FIELDS = [
    item
    for item in params_of(GenerationRequest)
    if item.path.startswith(("img2img.", "pictures.", "hires.")) and item.param.infotext
]
SAMPLERS = {"hires.sampler": "Euler", "hires.schedule": "Karras", "hires.upscaler": "Lanczos"}


def values_of(item: Field) -> list[Any]:
    """Values unlike the default: the ends of what may be entered, every choice, odd texts."""
    about = item.param
    if isinstance(about.choices, tuple) and about.choices:
        return [choice for choice in about.choices if choice != item.default]
    if item.path in SAMPLERS:
        return [SAMPLERS[item.path]]
    if item.type is bool:
        return [True]
    if item.type is str:
        return ["plain", 'with, comma: colon "quoted"', "two\nlines", "日本語"]
    ends = [about.minimum, about.maximum, (about.slider or (None, None))[1]]
    if item.type is not int:
        ends.append((about.minimum or 0) + 0.35)
    kind = int if item.type is int else float
    return [kind(end) for end in ends if end is not None and end != item.default]


def saved_and_read(request: GenerationRequest, kind: str) -> GenerationRequest:
    """Write the recipe into a file of this kind and make a request of what the file says."""
    facts = tuple(
        (item.param.infotext, get_at(request, item.path))
        for item in FIELDS
        if item.param.infotext in DRAWING_KNOWS and get_at(request, item.path) is not None
    )
    picture = GeneratedImage(
        index=0, seed=1, subseed=2, prompt="a cat", negative_prompt="", width=8, height=8,
        facts=facts,
    )  # fmt: skip
    text = write_infotext(request, picture, version="easel-v0.1.0")
    found = read_infotext_from(encode(PIXELS, text, kind).data)
    base = GenerationRequest(img2img=Img2Img(inpaint=Inpaint()))
    read, notices = read_infotext(found, base)
    assert notices == []
    return read


CASES = [(item, value) for item in FIELDS for value in values_of(item)]


@pytest.mark.parametrize(
    ("item", "value"), CASES, ids=lambda each: each.path if isinstance(each, Field) else repr(each)
)
def test_a_value_comes_back_from_a_file(item: Field, value: Any) -> None:
    start = TWICE if item.path.startswith("hires.") else FROM_PICTURE
    request = replace_at(start, item.path, value)
    assert get_at(saved_and_read(request, "png"), item.path) == value


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif"])
@pytest.mark.parametrize("start", [FROM_PICTURE, TWICE], ids=["from a picture", "twice"])
def test_all_values_come_back_together_from_every_kind_of_file(
    start: GenerationRequest, kind: str
) -> None:
    part = "hires." if start.hires else "img2img."
    request = start
    mine = [item for item in FIELDS if item.path.startswith((part, "pictures."))]
    for item in mine:
        request = replace_at(request, item.path, values_of(item)[-1])
    read = saved_and_read(request, kind)
    assert {item.path: get_at(read, item.path) for item in mine} == {
        item.path: get_at(request, item.path) for item in mine
    }


def test_what_has_no_key_is_left_as_it_is() -> None:
    base = replace(GenerationRequest(), img2img=Img2Img(resize_mode="Resize and fill"))
    read, _ = read_infotext("a\nSteps: 20, Seed: 1, Denoising strength: 0.5", base)
    assert read.img2img is not None
    assert (read.img2img.resize_mode, read.img2img.denoising_strength) == ("Resize and fill", 0.5)
