"""What lies on the canvas becomes a part of the request."""

import io

import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.param import get_at, params_of
from modules.schema.inputs import Img2Img, Inpaint, SoftInpaint
from modules.schema.request import GenerationRequest
from modules.ui.picture_request import Source, with_editable_parts, with_source


def png(color: object, size: tuple[int, int] = (24, 16), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, "PNG")
    return file.getvalue()


def request(**inpaint: object) -> GenerationRequest:
    soft = SoftInpaint(enabled=False)
    return GenerationRequest(img2img=Img2Img(inpaint=Inpaint(soft=soft, **inpaint)))


def test_a_picture_without_a_mask_is_drawn_anew_as_a_whole():
    made = with_source(request(), Source(mode="img2img", picture=png("red")))
    assert made.img2img is not None and made.img2img.inpaint is None
    (image,) = made.img2img.images
    assert (image.width, image.height, image.data[:3]) == (24, 16, b"\xff\x00\x00")


def test_a_mask_is_carried_with_what_the_controls_say():
    source = Source(mode="inpaint", picture=png("red"), mask=png(255, mode="L"))
    made = with_source(request(blur=9), source)
    assert made.img2img is not None and made.img2img.inpaint is not None
    assert made.img2img.inpaint.mask is not None
    assert made.img2img.inpaint.blur == 9
    assert made.img2img.inpaint.round is True
    assert made.img2img.inpaint.soft is None


def test_soft_inpainting_is_carried_when_it_is_on():
    asked = GenerationRequest(img2img=Img2Img(inpaint=Inpaint(soft=SoftInpaint(contrast=7))))
    source = Source(mode="inpaint", picture=png("red"), mask=png(255, mode="L"))
    made = with_source(asked, source)
    assert get_at(made, "img2img.inpaint.soft.contrast") == 7


@pytest.mark.parametrize("mode", ["inpaint", "inpaint_sketch", "inpaint_upload"])
def test_a_mode_that_masks_wants_a_mask(mode: str):
    with pytest.raises(InvalidRequest, match="Nothing is masked"):
        with_source(request(), Source(mode=mode, picture=png("red")))


def test_no_picture_is_said_at_once():
    with pytest.raises(InvalidRequest, match="no picture"):
        with_source(request(), Source())


def test_a_file_that_is_no_picture_is_named():
    with pytest.raises(InvalidRequest, match="The mask is not a picture"):
        with_source(request(), Source(mode="inpaint", picture=png("red"), mask=b"nonsense"))


def test_a_frame_beyond_the_picture_sets_the_size_and_fills_what_has_no_original():
    source = Source(picture=png("red"), mask=png(255, mode="L"), frame=(96, 64))
    made = with_source(request(content="original"), source)
    assert (made.size.width, made.size.height) == (96, 64)
    assert get_at(made, "img2img.inpaint.content") == "fill"
    assert get_at(made, "img2img.inpaint.round") is False
    noise = with_source(request(content="latent noise"), source)
    assert get_at(noise, "img2img.inpaint.content") == "latent noise"


def test_beyond_the_picture_there_is_nothing_that_soft_inpainting_could_bring_back():
    asked = GenerationRequest(img2img=Img2Img(inpaint=Inpaint(soft=SoftInpaint())))
    for alpha, soft in ((0, None), (255, SoftInpaint())):
        picture = png((255, 0, 0, alpha), mode="RGBA")
        source = Source(picture=picture, mask=png(255, mode="L"), frame=(96, 64))
        assert get_at(with_source(asked, source), "img2img.inpaint.soft") == soft


def test_a_frame_within_the_picture_needs_no_mask():
    made = with_source(request(), Source(picture=png("red"), frame=(16, 16)))
    assert made.img2img is not None and made.img2img.inpaint is None


def test_every_control_of_the_tab_has_a_value_to_show():
    shown = with_editable_parts(GenerationRequest())
    paths = [item.path for item in params_of(GenerationRequest) if "img2img." in item.path]
    assert [path for path in paths if get_at(shown, path) is None] == ["img2img.inpaint.blur_y"]
    assert get_at(shown, "img2img.inpaint.soft.enabled") is False


def test_a_scale_makes_the_size_from_the_picture_and_a_frame_goes_before_it():
    made = with_source(request(), Source(picture=png("red"), scale=1.55))
    assert (made.size.width, made.size.height) == (37, 24)
    framed = with_source(request(), Source(picture=png("red"), scale=2, frame=(64, 32)))
    assert (framed.size.width, framed.size.height) == (64, 32)


def test_a_folder_on_the_server_is_left_to_the_script_that_reads_it():
    folder = {"input_dir": "/pictures", "png_info_props": ["Seed"]}
    made = with_source(request(), Source(mode="batch", folder=folder, scale=1.5))
    assert made.script is not None
    assert (made.script.name, made.script.args["scale_by"]) == ("Batch", 1.5)
    assert made.script.args["input_dir"] == "/pictures"
    assert made.img2img is not None
    assert (made.img2img.images, made.img2img.inpaint) == ((), None)
    masked = with_source(request(blur=9), Source(folder={"inpaint_mask_dir": "/masks"}))
    assert masked.img2img is not None and masked.img2img.inpaint is not None
    assert (masked.img2img.inpaint.blur, masked.img2img.inpaint.mask) == (9, None)
