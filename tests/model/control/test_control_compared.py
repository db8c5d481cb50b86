"""Networks for control against those of diffusers, with the same random weights.

Largest errors seen, relative to the largest number of the output, in float32: 1.1e-6.
"""

import copy
import inspect
from contextlib import ExitStack
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from modules.model.control.load import load_control
from modules.model.loader import load_model
from modules.model.networks.additions import Additions
from modules.model.networks.controlnet import ControlNet
from modules.model.networks.controlnet_union import kind_of_map
from modules.model.networks.ip_adapter import cross_attentions
from modules.model.networks.unet import timestep_embedding
from modules.model.picture_encoder import load_picture_encoder
from modules.pipeline.attachments.control_work import looking_aside, places_of
from tests.model.control_checkpoints import encoder_tensors, flat, ip_adapter_tensors, save
from tests.model.test_families_compared import relative_error, their_unet
from tests.model.tiny_checkpoints import MODELS, randomised, write

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLOSE = 1e-5
FAMILIES = ("sd1", "sd2", "sdxl")


@pytest.fixture(scope="module", params=FAMILIES)
def both(request, tmp_path_factory):
    """Our model, diffusers' U-Net with its weights, and what both are told."""
    path = write(request.param, tmp_path_factory.mktemp("single"))
    model, theirs = load_model(path), their_unet(request.param, load_file(path))
    return model, theirs, told(request.param)


def told(name):
    """A latent, timesteps, a prompt, and for SDXL sizes: as we and as they are told."""
    generator = torch.Generator().manual_seed(1)
    tiny = MODELS[name]
    x = torch.randn(2, 4, 8, 12, generator=generator)
    context = torch.randn(2, 7, tiny.unet.context_dim, generator=generator)
    times = torch.tensor([3.0, 900.0])
    if not tiny.unet.adm_in_channels:
        return (x, times, context, None), {}
    pooled = torch.randn(2, 48, generator=generator)
    ids = torch.tensor([[64.0, 96, 8, 16, 64, 96]] * 2)
    numbers = timestep_embedding(ids.flatten(), 256).reshape(2, -1)
    vector = torch.cat([pooled, numbers], dim=1)
    more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": ids}}
    return (x, times, context, vector), more


@torch.no_grad()
def test_a_controlnet_and_the_unet_with_it_say_what_diffusers_say(both, tmp_path):
    from diffusers import ControlNetModel

    model, unet, ((x, times, context, vector), more) = both
    theirs = ControlNetModel.from_unet(unet)
    randomised(theirs, 7)
    theirs.save_pretrained(tmp_path / "net")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    down, middle = theirs(
        x, times, context, controlnet_cond=picture.expand(2, -1, -1, -1),
        conditioning_scale=0.7, return_dict=False, **more,
    )  # fmt: skip
    expected = unet(
        x, times, context, down_block_additional_residuals=down,
        mid_block_additional_residual=middle, **more,
    ).sample  # fmt: skip

    control = load_control(tmp_path / "net", model).network
    assert isinstance(control, ControlNet)
    *skips, last = [
        tensor * 0.7 for tensor in control(x, control.read_hint(picture), times, context, vector)
    ]
    for ours, wanted in zip(skips, down, strict=True):
        assert relative_error(ours, wanted) < CLOSE
    assert relative_error(last, middle) < CLOSE
    added = Additions(skips=dict(enumerate(skips)), middle=last)
    assert relative_error(model.unet(x, times, context, vector, added=added), expected) < CLOSE
    plain = model.unet(x, times, context, vector)
    assert relative_error(plain, expected) > 0.01


@torch.no_grad()
def test_a_t2i_adapter_and_the_unet_with_it_say_what_diffusers_say(both, tmp_path):
    from diffusers import T2IAdapter

    model, unet, ((x, times, context, vector), more) = both
    kind = "full_adapter_xl" if vector is not None else "full_adapter"
    channels = [32, 64, 64, 64] if vector is not None else [32, 64]
    cell = 16 if vector is not None else 8
    if vector is not None:  # this kind always makes four maps
        model, unet = three_levels(tmp_path)
    theirs = randomised(
        T2IAdapter(channels=channels, num_res_blocks=2, downscale_factor=cell, adapter_type=kind), 3
    )
    theirs.save_pretrained(tmp_path / "adapter")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    maps = [one * 0.8 for one in theirs(picture)]
    expected = unet(
        x, times, context,
        down_intrablock_additional_residuals=[one.expand(2, -1, -1, -1).clone() for one in maps],
        **more,
    ).sample  # fmt: skip

    adapter = load_control(tmp_path / "adapter", model).network
    own = [one * 0.8 for one in adapter(picture)]
    for ours, wanted in zip(own, maps, strict=True):
        assert relative_error(ours, wanted) < CLOSE
    places = places_of(model.unet.config, cell)
    added = Additions(
        inputs=dict(zip(places, own, strict=False)),
        middle=own[len(places)] if len(own) > len(places) else None,
    )
    assert relative_error(model.unet(x, times, context, vector, added=added), expected) < CLOSE
    assert relative_error(model.unet(x, times, context, vector), expected) > 0.01


def three_levels(folder):
    """An SDXL checkpoint of three levels, as the real one has, and diffusers' U-Net with it."""
    tiny = MODELS["sdxl"]
    shape = replace(
        tiny.unet, channel_mult=(1, 2, 2), attention_resolutions=(2, 4), transformer_depth=(1, 1, 2)
    )
    MODELS["sdxl-three"] = replace(tiny, unet=shape)
    try:
        path = write("sdxl-three", folder)
        return load_model(path), their_unet("sdxl-three", load_file(path))
    finally:
        del MODELS["sdxl-three"]


@torch.no_grad()
@pytest.mark.parametrize("kind", ["plain", "full", "plus"])
def test_an_ip_adapter_and_the_unet_with_it_say_what_diffusers_say(both, tmp_path, kind):
    model, unet, ((x, times, context, vector), more) = both
    parts = ip_adapter_tensors(model.unet.config, kind, seen=64)
    unet = copy.deepcopy(unet)
    unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [0.6]
    seen = torch.randn(2, 64, generator=torch.Generator().manual_seed(4))
    if kind != "plain":
        seen = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(4))
    told = dict(more.get("added_cond_kwargs", {}))
    told["image_embeds"] = [seen[:, None]]
    expected = unet(x, times, context, added_cond_kwargs=told).sample

    adapter = load_control(save(tmp_path, "ip", flat(parts)), model).network
    pairs = adapter.keys_and_values(adapter.read_picture(seen))
    factor = torch.full((2, 1, 1), 0.6)
    with ExitStack() as stack:
        for layer, pair in zip(cross_attentions(model.unet), pairs, strict=True):
            stack.enter_context(looking_aside(layer, *pair, factor))
        found = model.unet(x, times, context, vector)
    assert relative_error(found, expected) < CLOSE
    assert relative_error(model.unet(x, times, context, vector), expected) > 0.01


@torch.no_grad()
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_the_picture_encoder_says_what_transformers_says(tmp_path, activation):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    tensors = encoder_tensors(width=64, projection=32, layers=2, side=28)
    config = CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=1,
        image_size=28, patch_size=14, projection_dim=32, hidden_act=activation,
    )  # fmt: skip
    theirs = CLIPVisionModelWithProjection(config)
    theirs.load_state_dict(tensors, strict=False)
    x = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    answer = theirs.eval()(x, output_hidden_states=True)
    ours = load_picture_encoder(save(tmp_path, "encoder", tensors))
    for layer in ours.vision_model.encoder.layers:
        layer.mlp.activation = activation
    assert relative_error(ours.whole(x), answer.image_embeds) < CLOSE
    assert relative_error(ours.patches(x), answer.hidden_states[-2]) < CLOSE


@torch.no_grad()
@pytest.mark.parametrize("both", ["sdxl"], indirect=True)
@pytest.mark.parametrize("module, kind", [("depth_midas", 1), ("canny", 3), ("tile_resample", 6)])
def test_a_controlnet_for_many_kinds_says_what_diffusers_say(both, tmp_path, module, kind):
    from diffusers import ControlNetUnionModel

    model, unet, ((x, times, context, vector), more) = both
    known = inspect.signature(ControlNetUnionModel.__init__).parameters
    config = {key: value for key, value in unet.config.items() if key in known}
    theirs = randomised(
        ControlNetUnionModel(**config, num_control_type=8, num_trans_channel=32,
                             num_trans_head=8, num_trans_layer=1, num_proj_channel=32), 7
    )  # fmt: skip
    theirs.save_pretrained(tmp_path / "union")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    marks = torch.zeros(2, 8)
    marks[:, kind] = 1
    down, middle = theirs(
        x, times, context, controlnet_cond=[picture.expand(2, -1, -1, -1)], control_type=marks,
        control_type_idx=[kind], conditioning_scale=1.0, return_dict=False, **more,
    )  # fmt: skip
    network = load_control(tmp_path / "union", model).network
    network.kind = kind_of_map(module, network.kinds)
    *skips, last = network(x, network.read_hint(picture), times, context, vector)
    for ours, wanted in zip([*skips, last], [*down, middle], strict=True):
        assert relative_error(ours, wanted) < CLOSE
