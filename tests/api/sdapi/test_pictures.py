"""img2img and the hires pass in A1111's JSON."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from modules.api.sdapi.pictures import hires_of, img2img_of
from modules.api.sdapi.schemas import (
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.errors import InvalidRequest
from modules.schema.inputs import Hires, SoftInpaint


def encoded(picture: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


RED = encoded(Image.new("RGB", (32, 24), "red"))
MASK = encoded(Image.new("L", (32, 24), 255))


def img2img(**fields: Any) -> Any:
    return img2img_of(StableDiffusionProcessingImg2Img(init_images=[RED], **fields))


def hires(known: Hires | None = None, only: set[str] | None = None, **fields: Any) -> Any:
    return hires_of(StableDiffusionProcessingTxt2Img(**fields), known, only)


def test_the_defaults_are_the_api_s_and_not_the_page_s() -> None:
    plain, masked = img2img(), img2img(mask=MASK)
    assert (plain.denoising_strength, plain.resize_mode, plain.inpaint) == (
        0.75,
        "Just resize",
        None,
    )
    inpaint = masked.inpaint
    assert (inpaint.content, inpaint.area, inpaint.padding) == ("fill", "Only masked", 0)
    assert (inpaint.blur, inpaint.blur_y, inpaint.round, inpaint.mode) == (
        4,
        None,
        True,
        "Inpaint masked",
    )


def test_numbers_and_switches_become_names() -> None:
    wish = img2img(
        resize_mode=3,
        mask=MASK,
        inpainting_fill=2,
        inpaint_full_res=0,
        inpainting_mask_invert=True,
        mask_blur_x=8,
        mask_blur_y=2,
    )
    assert wish.resize_mode == "Just resize (latent upscale)"
    inpaint = wish.inpaint
    assert (inpaint.content, inpaint.area) == ("latent noise", "Whole picture")
    assert (inpaint.mode, inpaint.blur, inpaint.blur_y) == ("Inpaint not masked", 8, 2)


def test_mask_blur_sets_both_directions() -> None:
    inpaint = img2img(mask=MASK, mask_blur=9).inpaint
    assert (inpaint.blur, inpaint.blur_y) == (9, None)


def test_soft_inpainting_comes_as_a_script() -> None:
    script = {"Soft Inpainting": {"args": [True, 2, 0.25, 8, 0.5, 1, 4]}}
    assert img2img(mask=MASK, alwayson_scripts=script).inpaint.soft == SoftInpaint(
        schedule_bias=2,
        preservation=0.25,
        contrast=8,
        mask_influence=0.5,
        difference_threshold=1,
        difference_contrast=4,
    )
    off = {"soft inpainting": {"args": [False]}}
    assert img2img(mask=MASK, alwayson_scripts=off).inpaint.soft is None


def test_pictures_may_come_as_data_uris() -> None:
    body = StableDiffusionProcessingImg2Img(init_images=[f"data:image/png;base64,{RED}"])
    assert img2img_of(body).images[0].width == 32


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("resize_mode", 4, "from 0 to 3"),
        ("mask", "https://example.com/a.png", "not fetched"),
        ("mask", "bm90IGEgcGljdHVyZQ==", "not a picture"),
    ],
)
def test_what_cannot_be_meant_is_explained(field: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        img2img(**{field: value})


def test_without_enable_hr_there_is_no_second_pass() -> None:
    assert hires() is None
    assert hires(known=Hires(), only={"enable_hr"}) is None


def test_nulls_and_menu_words_mean_the_first_pass() -> None:
    found = hires(
        enable_hr=True, hr_sampler_name="Use same sampler", hr_checkpoint_name="Use same checkpoint"
    )
    assert found == Hires(denoising_strength=0.75)


def test_fields_that_were_sent_win_over_a_recipe() -> None:
    known = Hires(scale=1.5, steps=7)
    found = hires(known=known, only={"hr_scale"}, hr_scale=3, hr_second_pass_steps=2)
    assert (found.scale, found.steps) == (3, 7)


def test_a_first_phase_makes_the_size_that_of_the_result() -> None:
    found = hires(
        enable_hr=True, firstphase_width=512, firstphase_height=512, width=1024, height=768
    )
    assert (found.resize_x, found.resize_y) == (1024, 768)


@pytest.mark.parametrize(
    ("picture", "status"),
    [
        (RED, 200),
        (encoded(Image.new("RGB", (1, 1))), 200),
        (encoded(Image.new("CMYK", (32, 24)), "JPEG"), 200),
        (encoded(Image.new("I;16", (32, 24))), 200),
        (encoded(Image.new("P", (32, 24))), 200),
        (encoded(Image.effect_noise((64, 64), 9))[:400], 422),
        (encoded(Image.new("1", (20_000, 10_000))), 422),
        ("???", 422),
    ],
    ids=["plain", "pixel", "cmyk", "16-bit", "palette", "truncated", "bomb", "nonsense"],
)
def test_any_picture_is_drawn_from_or_refused_and_the_next_job_runs(
    server: Any, picture: str, status: int
) -> None:
    body = {"init_images": [picture], "mask": MASK, "steps": 2, "width": 64, "height": 64}
    answer = server.client.post("/sdapi/v1/img2img", json=body)
    assert answer.status_code == status
    if status == 200:
        echo = answer.json()["parameters"]
        assert (echo["init_images"], echo["mask"]) == (None, None)
    after = server.client.post("/sdapi/v1/txt2img", json={"steps": 2, "width": 64, "height": 64})
    assert after.status_code == 200
