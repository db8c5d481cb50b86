"""Inpainting and img2img as a whole, on the small model."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from modules.errors import InvalidRequest
from modules.model.loader import Model
from modules.model.networks.unet import UNet
from modules.param import replace_at
from modules.pipeline.generate import generate
from modules.pipeline.pictures import as_data
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady, Progress
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint, SoftInpaint
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from tests.pipeline.reference import FOLDER, conditioner, model

BLUR = 2
REACH = 5
"""Pixels a blur of 2 reaches."""


@cache
def photo() -> ImageData:
    picture = Image.open(FOLDER / "data" / "inputs" / "init_96x72.png").convert("RGB")
    return as_data(picture)


def mask(box: tuple[int, int, int, int], size: tuple[int, int] = (96, 72)) -> ImageData:
    picture = Image.new("L", size)
    ImageDraw.Draw(picture).rectangle(box, fill=255)
    return as_data(picture)


def request(inpaint: Inpaint | None = None, **more: object) -> GenerationRequest:
    return GenerationRequest(
        prompt="a cat",
        sampling=Sampling(sampler="Euler a", steps=4),
        seeds=Seeds(seed=3),
        size=Size(width=96, height=72),
        img2img=Img2Img(images=(photo(),), inpaint=inpaint),
        **more,  # type: ignore[arg-type]
    )


def images(wish: GenerationRequest, drawn_with: Model | None = None) -> list[np.ndarray]:
    events = generate(wish, drawn_with or model(), conditioner(), Cancel(), preview_interval_s=None)
    ready = [event.image.image for event in events if isinstance(event, ImageReady)]
    return [
        np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).astype(int)
        for image in ready
        if image is not None
    ]


def original() -> np.ndarray:
    return np.frombuffer(photo().data, np.uint8).reshape(72, 96, 3).astype(int)


BOX = (40, 24, 63, 47)


@pytest.mark.parametrize("area", ["Whole picture", "Only masked"])
@pytest.mark.parametrize("content", ["fill", "original", "latent noise", "latent nothing"])
def test_nothing_changes_beyond_the_mask_and_its_blur(area: str, content: str) -> None:
    inpaint = Inpaint(mask=mask(BOX), blur=BLUR, area=area, content=content)
    (result,) = images(request(inpaint))
    near = np.zeros((72, 96), bool)
    near[BOX[1] - REACH : BOX[3] + REACH + 1, BOX[0] - REACH : BOX[2] + REACH + 1] = True
    difference = np.abs(result - original()).max(axis=2)
    assert (difference[~near] > 0).sum() == 0
    assert (difference[30:42, 46:58] > 8).mean() > 0.5


def test_an_inverted_mask_changes_the_rest() -> None:
    inpaint = Inpaint(mask=mask(BOX), blur=0, mode="Inpaint not masked")
    (result,) = images(request(inpaint))
    assert np.array_equal(result[25:47, 41:63], original()[25:47, 41:63])
    assert np.abs(result - original())[:16].mean() > 5


def test_an_empty_mask_keeps_the_whole_picture_or_counts_for_nothing() -> None:
    black = mask((-2, -2, -1, -1))
    (kept,) = images(request(Inpaint(mask=black)))
    assert np.array_equal(kept, original())
    (drawn,) = images(request(Inpaint(mask=black, area="Only masked")))
    (plain,) = images(request())
    assert np.array_equal(drawn, plain)


def test_a_mask_of_another_size_is_stretched_over_the_picture() -> None:
    small = mask((20, 12, 31, 23), (48, 36))
    (result,) = images(request(Inpaint(mask=small, blur=0)))
    changed = np.abs(result - original()).max(axis=2) > 8
    ys, xs = np.where(changed)
    assert (xs.min() >= 36, xs.max() <= 67, ys.min() >= 20, ys.max() <= 51) == (True,) * 4


def test_soft_inpainting_leaves_what_is_far_from_the_mask() -> None:
    inpaint = Inpaint(mask=mask((0, 0, 20, 20)), blur=BLUR, soft=SoftInpaint())
    (result,) = images(request(inpaint))
    assert np.array_equal(result[60:, 80:], original()[60:, 80:])
    assert np.abs(result - original())[:16, :16].mean() > 5


def test_the_result_keeps_the_picture_s_own_size_when_only_a_region_is_drawn() -> None:
    inpaint = Inpaint(mask=mask(BOX), area="Only masked", padding=4)
    (result,) = images(replace(request(inpaint), size=Size(width=64, height=64)))
    assert result.shape == (72, 96, 3)


def test_every_picture_of_a_batch_has_its_own_origin() -> None:
    red = as_data(Image.new("RGB", (96, 72), "red"))
    wish = replace_at(request(), "img2img.denoising_strength", 0.0)
    wish = replace(wish, batch=Batch(batch_size=2))
    both = images(replace_at(wish, "img2img.images", (photo(), red)))
    (alone,) = images(replace_at(request(), "img2img.denoising_strength", 0.0))
    assert np.abs(both[0] - alone).max() <= 1
    assert np.abs(both[0] - both[1]).mean() > 20


def test_more_pictures_than_fit_are_refused() -> None:
    wish = replace_at(request(), "img2img.images", (photo(),) * 2)
    with pytest.raises(InvalidRequest, match="batch of 1"):
        images(wish)


def test_pixels_that_do_not_fit_their_size_are_refused() -> None:
    wrong = ImageData(8, 8, "RGB", b"too few")
    with pytest.raises(InvalidRequest, match="makes no sense"):
        images(replace_at(request(), "img2img.images", (wrong,)))


def test_transparent_pictures_get_the_background() -> None:
    clear = as_data(Image.new("RGBA", (96, 72), (0, 0, 0, 0)))
    red = as_data(Image.new("RGB", (96, 72), "red"))
    wish = replace_at(request(), "pictures.background", "red")
    (from_clear,) = images(replace_at(wish, "img2img.images", (clear,)))
    (from_red,) = images(replace_at(wish, "img2img.images", (red,)))
    assert np.array_equal(from_clear, from_red)


def test_a_finished_picture_is_enlarged_without_a_first_pass() -> None:
    for upscaler in ("Lanczos", "Latent"):
        hires = Hires(image=photo(), upscaler=upscaler, scale=1.5, denoising_strength=0.3, steps=2)
        wish = replace(request(), img2img=None, hires=hires)
        events = list(generate(wish, model(), conditioner(), Cancel(), preview_interval_s=None))
        steps = [(event.step, event.steps) for event in events if isinstance(event, Progress)]
        (image,) = [event.image for event in events if isinstance(event, ImageReady)]
        assert (image.width, image.height) == (144, 104)
        assert steps == [(1, 2), (2, 2)]


@cache
def inpainting_model() -> Model:
    """The small model with five more input channels, that do nothing."""
    plain = model()
    config = replace(plain.unet.config, in_channels=9)
    unet = UNet(config)
    weights = plain.unet.state_dict()
    first = weights["input_blocks.0.0.weight"]
    more = torch.zeros(first.shape[0], 5, *first.shape[2:])
    weights["input_blocks.0.0.weight"] = torch.cat([first, more], dim=1)
    unet.load_state_dict(weights)
    return replace(plain, unet=unet.eval())


@pytest.mark.parametrize("wish", [request(Inpaint(mask=mask(BOX))), request()])
def test_a_network_for_inpainting_that_ignores_its_mask_draws_the_same(
    wish: GenerationRequest,
) -> None:
    (with_mask,) = images(wish, inpainting_model())
    (plain,) = images(wish)
    assert np.abs(with_mask - plain).max() <= 1


def test_networks_for_inpainting_also_draw_from_text_and_in_two_passes() -> None:
    wish = replace(request(), img2img=None, hires=Hires(scale=1.5, steps=2))
    (with_mask,) = images(replace_at(wish, "pictures.mask_weight", 0.5), inpainting_model())
    (plain,) = images(wish)
    assert np.abs(with_mask - plain).max() <= 1
