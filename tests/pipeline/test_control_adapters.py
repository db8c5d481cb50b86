"""Adapters in the loop: feature maps, pictures as prompts, styles."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from modules.errors import ModelError
from modules.model.loader import load_model
from modules.model.memory import MemoryPlan
from modules.pipeline.attachments.control_work import Order, at_work, places_of
from modules.pipeline.control_shelf import ControlShelf
from modules.schema.control import CONTROL_MODES, ControlUnit
from modules.schema.request import Batch, Seeds
from tests.model.control_checkpoints import (
    adapter_tensors,
    encoder_tensors,
    flat,
    ip_adapter_tensors,
    save,
    style_tensors,
)
from tests.model.tiny_checkpoints import MODELS
from tests.pipeline.test_control import PLAIN as FOUR_STEPS
from tests.pipeline.test_control import UNIT, Studio, call_of, photo

PLAIN = replace(FOUR_STEPS, sampling=replace(FOUR_STEPS.sampling, steps=2))
NAMES = ("t2iadapter", "ip-plain", "ip-full", "ip-plus", "style")
WIDTH, PROJECTION = 128, 32


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A tiny model with an adapter of every kind, and the encoder they look through."""
    folder = tmp_path_factory.mktemp("adapters")
    made = Studio(folder, "sd1")
    unet = MODELS["sd1"].unet
    save(made.folder, "t2iadapter", adapter_tensors((32, 64)))
    for kind, seen in (("plain", PROJECTION), ("full", WIDTH), ("plus", WIDTH)):
        save(made.folder, f"ip-{kind}", flat(ip_adapter_tensors(unet, kind, seen)))
    save(made.folder, "style", style_tensors(WIDTH, unet.context_dim))
    save(folder / "clip_vision", "encoder", encoder_tensors(WIDTH, PROJECTION))
    return made


@contextmanager
def drawing_with(studio, model):
    """A block in which the studio has another model."""
    before = studio.model, studio.shelf
    studio.model, studio.shelf = model, ControlShelf([studio.folder], studio.encoders)
    try:
        yield
    finally:
        studio.model, studio.shelf = before


def unit(name, **changes):
    """A unit with one of the adapters."""
    return replace(UNIT, model=name, **changes)


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_changes_the_picture_and_so_does_what_it_is_shown(studio, name):
    first = studio.draw(unit(name), request=PLAIN)
    assert not np.array_equal(studio.draw(request=PLAIN), first)
    other = studio.draw(unit(name, image=photo(seed=4)), request=PLAIN)
    assert not np.array_equal(first, other)
    assert np.array_equal(first, studio.draw(unit(name), request=PLAIN))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", [CONTROL_MODES[0], CONTROL_MODES[2]])
def test_a_batch_and_calls_apart_give_the_same(studio, name, mode):
    own = unit(name, control_mode=mode)
    apart = replace(
        PLAIN,
        batch=Batch(batch_size=2),
        options=replace(PLAIN.options, batch_cond_uncond=False),
    )
    pictures = studio.draw(own, request=apart).astype(int)
    for place, picture in enumerate(pictures):
        alone = studio.draw(own, request=replace(PLAIN, seeds=Seeds(seed=1 + place)))
        assert np.abs(picture - alone[0]).max() <= 1


def test_the_network_is_left_as_it_was(studio):
    plain = studio.draw()
    studio.draw(unit("ip-plus"), unit("ip-plain"), unit("t2iadapter"))
    assert np.array_equal(plain, studio.draw())


def test_two_adapters_look_at_their_own_pictures(studio):
    one, other = unit("ip-plain"), unit("ip-plain", image=photo(seed=4))
    both = studio.draw(one, other)
    assert np.abs(both.astype(int) - studio.draw(other, one)).max() <= 1
    assert not np.array_equal(both, studio.draw(one))


def test_the_weight_of_an_adapter_is_that_of_its_attention(studio):
    halves = [unit("ip-plain", weight=0.5)] * 2
    whole = studio.draw(unit("ip-plain")).astype(int)
    assert np.abs(whole - studio.draw(*halves)).max() <= 1


def test_feature_maps_are_softer_where_the_prompt_goes_first(studio):
    control = studio.shelf.find("t2iadapter", studio.model)
    orders = [
        Order(unit=unit("x", control_mode=mode), control=control, model=studio.model)
        for mode in CONTROL_MODES
    ]
    found = []
    for order in orders:
        with torch.no_grad(), at_work(order).around(call_of(studio.model, (False, True))) as added:
            found.append(added)
    balanced, prompt, control_first = found
    assert list(balanced.inputs) == places_of(studio.model.unet.config, 8) == [1, 3]
    for place, scale in zip(balanced.inputs, (0.25, 0.62), strict=True):
        assert torch.allclose(prompt.inputs[place], balanced.inputs[place] * scale)
        assert torch.allclose(control_first.inputs[place][0], prompt.inputs[place][0])
        assert not control_first.inputs[place][1].any()


def test_styles_lengthen_prompts_and_repeat_the_end_of_negatives(studio):
    control = studio.shelf.find("style", studio.model)
    encoder = studio.shelf.encoder_for(control)
    order = Order(
        unit=ControlUnit(model="style", image=photo(), weight=0.5),
        control=control, model=studio.model, encoder=encoder,
    )  # fmt: skip
    call = call_of(studio.model, (False, True))
    call = replace(call, text=torch.randn(2, 77, 64))
    with torch.no_grad(), at_work(order).around(call) as added:
        assert added.tokens.shape == (2, 8, 64)
        assert torch.equal(added.tokens[1], call.text[1, -8:])


def test_an_encoder_that_is_not_there_is_named_before_anything_is_drawn(studio, tmp_path):
    lonely = Studio(tmp_path, "sd1")
    unet = MODELS["sd1"].unet
    save(lonely.folder, "ip", flat(ip_adapter_tensors(unet, "plain", seen=1024)))
    with pytest.raises(ModelError, match="ViT-H/14") as caught:
        lonely.events(unit("ip"))
    assert "clip_vision" in caught.value.hint


def test_sdxl_maps_are_added_after_its_first_halving(tmp_path):
    shape = replace(MODELS["sdxl"].unet, channel_mult=(1, 2, 4), num_res_blocks=2)
    assert places_of(shape, 16) == [3, 5, 8]
    assert places_of(replace(shape, channel_mult=(1, 2, 4, 4)), 8) == [2, 5, 8, 11]


@pytest.mark.parametrize("name", ["net", *NAMES])
def test_networks_compute_in_the_type_of_the_model(studio, tmp_path, name):
    expected = studio.draw(unit(name), request=PLAIN).astype(int)
    with drawing_with(studio, load_model(studio.model.path, dtype=torch.bfloat16)):
        found = studio.draw(unit(name), request=PLAIN)
    assert 0 < np.abs(found - expected).mean() < 20


@pytest.mark.parametrize("hint", ["one", "layers"])
def test_sparing_memory_changes_no_pixel(studio, hint):
    plan = MemoryPlan(torch.device("cpu"), torch.float32, hint=hint)
    units = [unit(name, weight=0.5, low_vram=True) for name in ("ip-plus", "style", "t2iadapter")]
    expected = studio.draw(*units, request=PLAIN)
    with drawing_with(studio, load_model(studio.model.path, plan=plan)):
        found = studio.draw(*units, request=PLAIN)
    assert np.array_equal(expected, found)
