"""Pictures and masks at the size that is drawn."""

import pytest
from PIL import Image

from modules.param import replace_at
from modules.pipeline.pictures import as_data
from modules.pipeline.placing import place_all
from modules.schema.inputs import Img2Img, Inpaint
from modules.schema.request import GenerationRequest, Size


def half(edge: int) -> Image.Image:
    """A mask that is white from column `edge` on."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (edge, 0, 64, 64))
    return mask


@pytest.mark.parametrize("resize_mode", ["Just resize", "Just resize (latent upscale)"])
def test_what_is_drawn_anew_may_differ_from_where_the_result_shows(resize_mode: str) -> None:
    inpaint = Inpaint(mask=as_data(half(16)), latent_mask=as_data(half(48)), blur=0)
    wish = Img2Img(
        images=(as_data(Image.new("RGB", (64, 64), "red")),),
        inpaint=inpaint,
        resize_mode=resize_mode,
    )
    request = GenerationRequest(size=Size(width=64, height=64), img2img=wish)
    (placed,) = place_all(request)
    assert placed.mask is not None and placed.overlay is not None
    assert placed.mask.getbbox() == (48, 0, 64, 64)
    assert placed.overlay.picture.getchannel("A").getbbox() == (0, 0, 16, 64)

    alike = replace_at(request, "img2img.inpaint.latent_mask", None)
    (placed,) = place_all(alike)
    assert placed.mask is not None
    assert placed.mask.getbbox() == (16, 0, 64, 64)
