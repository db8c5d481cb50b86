"""Every family draws through the whole pipeline, from files in their original layout."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.options import ConditioningOptions
from modules.conditioning.reader import reader_for
from modules.conditioning.size_vector import PictureFacts, size_vector
from modules.errors import InvalidRequest
from modules.model.depth import OWN
from modules.model.loader import load_model
from modules.model.networks.dpt import Dpt
from modules.model.picture_encoder import PictureEncoder
from modules.param import replace_at
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import ImageData, Img2Img
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size
from tests.model import tiny_checkpoints
from tests.model.networks.test_dpt import SMALL
from tests.model.test_unclip import CONFIG, in_open_clip

REQUEST = GenerationRequest(
    prompt="a red cat",
    negative_prompt="dog",
    sampling=Sampling(sampler="Euler", steps=2, cfg_scale=3.0),
    seeds=Seeds(seed=1, subseed=1),
    size=Size(width=64, height=64),
)

FACTS = PictureFacts(height=48, width=64, crop_top=3, crop_left=5)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """A tiny model and what reads its prompts, by name; loaded once."""
    folder, known = tmp_path_factory.mktemp("families"), {}

    def loaded(name):
        if name not in known:
            model = load_model(tiny_checkpoints.write(name, folder))
            known[name] = model, Conditioner(reader_for(model), family=model.family)
        return known[name]

    return loaded


def drawn(request, loaded):
    """The only picture of a request, as an array (64, 64, 3) of levels."""
    events = list(generate(request, *loaded, Cancel(), preview_interval_s=None))
    (picture,) = [one.image.image for one in events if isinstance(one, ImageReady)]
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)


def photo(colour, mode="RGB"):
    """A plain picture."""
    return ImageData(64, 64, mode, bytes(colour) * 64 * 64)


QUICK = ("sd1", "lcm", "sd2-velocity", "sd2-inpainting", "unclip", "sdxl", "sdxl-refiner")
TEXT_ONLY = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, tiny in tiny_checkpoints.MODELS.items()
    if tiny.unet.in_channels in (4, 9)
]


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_a_family_draws_from_text_and_follows_it(load, name):
    first = drawn(REQUEST, load(name))
    assert first.shape == (64, 64, 3)
    assert not np.array_equal(first, drawn(replace(REQUEST, prompt="two blue dogs"), load(name)))


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(
    "name, sampler, schedule",
    [
        ("lcm", "LCM", "Automatic"),
        ("sdxl", "Euler a", "Automatic"),
        ("sdxl", "Euler", "SGM Uniform"),
    ],
    ids=lambda value: value,
)
def test_few_steps_and_scale_1_suffice_and_ask_the_network_once_a_step(
    load, name, sampler, schedule, steps
):
    model, calls = load(name)[0], []
    hook = model.unet.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    sampling = Sampling(sampler=sampler, schedule=schedule, steps=steps, cfg_scale=1.0)
    picture = drawn(replace(REQUEST, sampling=sampling), load(name))
    hook.remove()
    assert calls == [1] * steps, "the negative prompt is not evaluated"
    assert picture.std() > 0


def test_a_model_that_guides_itself_is_told_the_scale_and_asked_once(load):
    model, calls = load("lcm")[0], []
    hook = model.unet.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    pictures = [
        drawn(replace_at(REQUEST, "sampling.cfg_scale", scale), load("lcm")) for scale in (2.0, 8.0)
    ]
    hook.remove()
    assert calls == [1] * 4
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize("name", ["instruct-pix2pix", "depth2img", "sd2-inpainting"])
def test_a_family_draws_over_a_picture(load, name):
    grey = Img2Img(images=(photo((90, 120, 60)),), depth=photo([40], "L"))
    request = replace(REQUEST, img2img=grey)
    first = drawn(request, load(name))
    other = replace(grey, images=(photo((200, 10, 60)),))
    assert not np.array_equal(first, drawn(replace(request, img2img=other), load(name)))


def test_the_picture_scale_counts_for_models_that_edit(load):
    request = replace(REQUEST, img2img=Img2Img(images=(photo((90, 120, 60)),)))
    pictures = [
        drawn(replace_at(request, "img2img.image_cfg_scale", scale), load("instruct-pix2pix"))
        for scale in (1.0, 1.5, 3.0)
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_only_the_order_of_depths_counts_not_their_unit(load):
    def over(levels):
        depth = ImageData(64, 64, "L", bytes(levels) * 64)
        wish = Img2Img(images=(photo((90, 120, 60)),), depth=depth)
        return drawn(replace(REQUEST, img2img=wish), load("depth2img"))

    first = over(range(64))
    assert np.array_equal(first, over(range(0, 128, 2)))
    assert not np.array_equal(first, over(range(63, -1, -1)))


def test_a_model_that_draws_by_depth_asks_for_it(load):
    with pytest.raises(InvalidRequest, match="needs a depth map"):
        drawn(replace(REQUEST, img2img=Img2Img(images=(photo((1, 2, 3)),))), load("depth2img"))
    with pytest.raises(InvalidRequest, match="draws by depth, over a picture"):
        drawn(REQUEST, load("depth2img"))


def loaded_with(name, folder, tensors):
    """A tiny model whose file holds another network too."""
    model = load_model(tiny_checkpoints.write(name, folder, more=tensors))
    return model, Conditioner(reader_for(model), family=model.family)


def gradient(levels):
    """A picture whose columns have these levels."""
    return ImageData(64, 64, "L", bytes(levels) * 64)


def test_an_estimator_in_the_checkpoint_sees_how_near_things_are(tmp_path):
    own = tiny_checkpoints.randomised(Dpt(SMALL), 5).state_dict()
    loaded = loaded_with("depth2img", tmp_path, {OWN + key: value for key, value in own.items()})
    seen = []
    pictures = [gradient(range(64)), gradient(range(0, 256, 4))]
    for picture in pictures:
        wish = Img2Img(images=(picture,), denoising_strength=1.0)
        seen.append(drawn(replace(REQUEST, img2img=wish), loaded))
    assert not np.array_equal(*seen)


def test_an_unclip_model_is_told_of_the_picture(tmp_path, load):
    encoder = tiny_checkpoints.randomised(PictureEncoder(CONFIG, 32), 6)
    loaded = loaded_with("unclip", tmp_path, in_open_clip(encoder))
    assert drawn(REQUEST, loaded).std() > 0, "it draws by words alone"
    wish = Img2Img(images=(gradient(range(0, 256, 4)),), denoising_strength=0.6)
    request = replace(REQUEST, img2img=wish)
    told = drawn(request, loaded)
    assert np.array_equal(told, drawn(request, loaded))
    assert not np.array_equal(told, drawn(request, load("unclip"))), "there nothing is told"


def test_an_editing_model_is_not_given_joined_prompts(load):
    wish = Img2Img(images=(photo((90, 120, 60)),))
    request = replace(REQUEST, prompt="a cat AND a dog", img2img=wish)
    with pytest.raises(InvalidRequest, match="joined by AND"):
        drawn(request, load("instruct-pix2pix"))


def test_an_empty_negative_prompt_is_nothing_at_all_to_sdxl(load):
    model, conditioner = load("sdxl")
    steps = {
        text: conditioner.conditions(["a cat"], [text], steps=2, facts=FACTS).at(0)
        for text in ("", " ")
    }
    assert steps[""].uncond.abs().max() == 0
    assert steps[""].uncond_vectors[:, :48].abs().max() == 0
    assert steps[""].uncond_vectors[:, 48:].abs().max() > 0.9, "sizes are told all the same"
    assert steps[" "].uncond.abs().max() > 0
    assert steps[""].cond.shape == (1, 77, model.unet.config.context_dim)
    assert steps[""].vectors.shape == (1, model.unet.config.adm_in_channels)


def test_the_vector_for_a_whole_text_is_the_first_chunks_and_not_weighted(load):
    _, conditioner = load("sdxl")
    long = "word " * 80
    texts = ["a cat", "(a cat:1.5)", f"{long}, a cat", long]
    pooled = [conditioner.encode_schedule(text, 1).pooled[0] for text in texts]
    torch.testing.assert_close(pooled[0], pooled[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(pooled[2], pooled[3], atol=1e-6, rtol=0)
    assert not torch.allclose(pooled[0], pooled[2])


def test_sdxl_does_not_skip_layers_unless_told_to(load):
    _, conditioner = load("sdxl")

    def encoded(**options):
        return conditioner.encode_schedule("cat", 1, ConditioningOptions(**options)).tensors[0]

    assert torch.equal(encoded(), encoded(clip_skip=1))
    assert torch.equal(encoded(), encoded(clip_skip=3))
    changed = encoded(clip_skip=3, clip_skip_sdxl=True) - encoded()
    assert changed[:, :64].abs().max() > 0, "the first encoder's channels"
    assert changed[:, 64:].abs().max() == 0, "the second's"


def test_what_the_refiner_is_told_is_size_crop_and_score():
    base = size_vector("sizes", FACTS, 6.0)
    refiner = size_vector("sizes and score", FACTS, 2.5)
    for vector, facts in ((base, (48, 64, 3, 5, 48, 64)), (refiner, (48, 64, 3, 5, 2.5))):
        rows = vector.reshape(-1, 256)
        assert len(rows) == len(facts)
        for row, fact in zip(rows, facts, strict=True):  # frequency 0 is 1 radian a unit
            assert row[0] == pytest.approx(math.cos(fact), abs=1e-6)
            assert row[128] == pytest.approx(math.sin(fact), abs=1e-6)
    assert size_vector("", FACTS, 6.0) is None
