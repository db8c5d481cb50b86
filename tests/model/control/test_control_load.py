"""Networks for control from files in every layout, and what is said of others."""

import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.errors import ModelError
from modules.model.control.load import load_control
from modules.model.loader import load_model
from modules.model.networks.controlnet import ControlNet
from modules.model.networks.controlnet_union import ControlNetUnion, kind_of_map
from modules.model.networks.ip_adapter import IPAdapter
from modules.model.networks.t2i_adapter import T2IAdapter
from modules.model.networks.t2i_style import StyleAdapter
from tests.model import tiny_checkpoints
from tests.model.control_checkpoints import (
    adapter_tensors,
    controlnet_tensors,
    flat,
    ip_adapter_tensors,
    light_adapter_tensors,
    save,
    style_tensors,
    write_controlnet,
)

BOTH_IN_DIFFUSERS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.blocks.3": "input_hint_block.8",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
    "controlnet_down_blocks.3": "zero_convs.3.0",
    "controlnet_mid_block": "middle_block_out.0",
    "down_blocks.1.resnets.0.conv1": "input_blocks.3.0.in_layers.2",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "mid_block.attentions.0.proj_in": "middle_block.1.proj_in",
}
"""A module of every kind, in diffusers' names and the original ones."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model of the first family."""
    return load_model(tiny_checkpoints.write("sd1", tmp_path_factory.mktemp("sd1")))


def same(one, other):
    """Whether two networks have the same weights."""
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("prefix", ["control_model.", ""])
def test_names_may_have_the_prefix_of_whole_checkpoints(model, tmp_path, prefix):
    control = load_control(write_controlnet(tmp_path, prefix=prefix), model)
    assert isinstance(control.network, ControlNet) and not control.pooled
    assert control.name == "net"
    assert control.numbers == sum(t.numel() for t in controlnet_tensors("sd1").values())


def test_the_checkpoint_around_a_controlnet_is_left_alone(model, tmp_path):
    tensors = {f"control_model.{k}": v for k, v in controlnet_tensors("sd1").items()}
    tensors["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(1)
    torch.save({"state_dict": tensors}, tmp_path / "control_sd15_canny.pth")
    control = load_control(tmp_path / "control_sd15_canny.pth", model)
    assert same(control.network, load_control(write_controlnet(tmp_path), model).network)


def test_a_folder_of_diffusers_gives_the_same_network(model, tmp_path):
    original = controlnet_tensors("sd1")
    modules = their_modules(original)
    folder = tmp_path / "net"
    folder.mkdir()
    save_file(
        {their_name(name, modules): tensor for name, tensor in original.items()},
        folder / "diffusion_pytorch_model.safetensors",
    )
    config = {"_class_name": "ControlNetModel", "global_pool_conditions": True}
    (folder / "config.json").write_text(json.dumps(config))
    control = load_control(folder, model)
    assert control.pooled
    assert same(control.network, load_control(write_controlnet(tmp_path), model).network)


def their_modules(names):
    """Original modules to diffusers'; a few are checked against a table written by hand."""
    from modules.model.families.diffusers_names import RES_BLOCK, down_names, res_block

    table = dict(BOTH_IN_DIFFUSERS)
    table |= {
        "time_embedding.linear_2": "time_embed.2",
        "mid_block.attentions.0": "middle_block.1",
        **dict(res_block("mid_block.resnets.0", "middle_block.0", RES_BLOCK)),
        **dict(res_block("mid_block.resnets.1", "middle_block.2", RES_BLOCK)),
        **dict(down_names([1, 1])),
        **{f"controlnet_down_blocks.{n}": f"zero_convs.{n}.0" for n in range(4)},
        **{
            f"controlnet_cond_embedding.blocks.{n}": f"input_hint_block.{2 * n + 2}"
            for n in range(6)
        },
    }
    return {ours: theirs for theirs, ours in table.items()}


def their_name(name, modules):
    """A parameter in diffusers' names."""
    head = max((one for one in modules if name.startswith(f"{one}.")), key=len)
    return modules[head] + name.removeprefix(head)


def test_differences_are_added_to_the_checkpoints_weights(model, tmp_path):
    whole = controlnet_tensors("sd1")
    base = load_file(model.path)
    start = "model.diffusion_model."
    tensors = {
        f"control_model.{name}": tensor - base.get(start + name, torch.zeros(1))
        for name, tensor in whole.items()
    }
    tensors["difference"] = torch.zeros(1)
    control = load_control(save(tmp_path, "diff", tensors), model)
    for name, tensor in control.network.state_dict().items():
        assert torch.allclose(tensor, whole[name], atol=1e-6)


def test_a_control_lora_changes_the_checkpoints_weights_by_thin_matrices(model, tmp_path):
    base = {
        name.removeprefix("model.diffusion_model."): tensor
        for name, tensor in load_file(model.path).items()
    }
    whole = controlnet_tensors("sd1")
    generator = torch.Generator().manual_seed(1)
    tensors, expected = {"lora_controlnet": torch.zeros(0)}, {}
    for name, tensor in whole.items():
        if name not in base:  # hint, zero convolutions
            tensors[name] = expected[name] = tensor
        elif tensor.ndim > 1 and name.endswith(".weight"):
            stem = name.removesuffix(".weight")
            up = torch.randn(tensor.shape[0], 3, *[1] * (tensor.ndim - 2), generator=generator)
            down = torch.randn(3, *tensor.shape[1:], generator=generator)
            tensors[f"{stem}.up"], tensors[f"{stem}.down"] = up, down
            product = (up.flatten(1) @ down.flatten(1)).reshape(tensor.shape)
            expected[name] = base[name] + product
        elif ".norm" in name:
            tensors[name] = expected[name] = tensor  # replaced
        else:
            expected[name] = base[name]
    control = load_control(save(tmp_path, "control-lora-canny", tensors), model)
    for name, tensor in control.network.state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=1e-5), name


@pytest.mark.parametrize("layout", ["original", "diffusers"])
@pytest.mark.parametrize("light", [False, True])
def test_adapters_are_read_in_both_layouts(model, tmp_path, light, layout):
    tensors = (light_adapter_tensors if light else adapter_tensors)((32, 64))
    if layout == "diffusers":
        renamed = {}
        for name, tensor in tensors.items():
            parts = name.split(".")
            if not light and parts[0] == "body":
                level, block = divmod(int(parts[1]), 2)
                inner = parts[2:] if parts[2] == "in_conv" else ["resnets", str(block), *parts[2:]]
                name = ".".join(["body", str(level), *inner])
            elif light and parts[2] == "body":
                name = ".".join([*parts[:2], "resnets", *parts[3:]])
            renamed[f"adapter.{name}"] = tensor
        tensors, original = renamed, tensors
    else:
        original = tensors
    adapter = load_control(save(tmp_path, "adapter", tensors), model).network
    assert isinstance(adapter, T2IAdapter) and adapter.config.light == light
    assert all(torch.equal(adapter.get_parameter(name), one) for name, one in original.items())
    maps = adapter(torch.rand(1, 3, 64, 100))
    assert [tuple(one.shape) for one in maps] == [(1, 32, 8, 13), (1, 64, 4, 7)]


@pytest.mark.parametrize("kind", ["plain", "full", "plus"])
@pytest.mark.parametrize("pickled", [False, True])
def test_ip_adapters_are_read_from_flat_tables_and_from_tables_of_tables(
    model, tmp_path, kind, pickled
):
    parts = ip_adapter_tensors(model.unet.config, kind, seen=48)
    path = tmp_path / "ip.bin"
    if pickled:
        torch.save(parts, path)
    else:
        path = save(tmp_path, "ip", flat(parts))
    adapter = load_control(path, model).network
    assert isinstance(adapter, IPAdapter)
    assert (adapter.config.projecting, adapter.config.seen) == (kind, 48)
    assert all(torch.equal(adapter.get_parameter(k), one) for k, one in flat(parts).items())


def test_adapters_for_styles_make_tokens(model, tmp_path):
    adapter = load_control(save(tmp_path, "style", style_tensors(128, 64)), model).network
    assert isinstance(adapter, StyleAdapter)
    with torch.no_grad():
        assert adapter(torch.rand(1, 5, 128)).shape == (1, 8, 64)


def test_a_network_for_many_kinds_of_maps_is_told_which_it_reads(model, tmp_path):
    generator = torch.Generator().manual_seed(4)
    own = controlnet_tensors("sd1")
    for name, shape in {
        "task_embedding": (6, 32),
        "spatial_ch_projs.weight": (32, 32),
        "spatial_ch_projs.bias": (32,),
        "control_add_embedding.0.weight": (128, 6 * 256),
        "control_add_embedding.0.bias": (128,),
        "control_add_embedding.2.weight": (128, 128),
        "control_add_embedding.2.bias": (128,),
    }.items():
        own[name] = torch.randn(shape, generator=generator) * 0.1
    network = load_control(save(tmp_path, "union", own), model).network
    assert isinstance(network, ControlNetUnion) and network.kinds == 6
    told = torch.rand(1, 4, 8, 8), torch.tensor([500.0]), torch.rand(1, 7, 64)
    hint = network.read_hint(torch.rand(1, 3, 64, 64))
    found = {}
    for module in ("depth_midas", "canny", "lineart_realistic", "inpaint_only", "none"):
        network.kind = kind_of_map(module, network.kinds)
        found[module] = network(told[0], hint, *told[1:])[0]
    assert torch.equal(found["canny"], found["lineart_realistic"])
    assert torch.equal(found["canny"], found["none"])  # what it does not know: thin lines
    assert torch.equal(found["canny"], found["inpaint_only"])
    assert not torch.allclose(found["canny"], found["depth_midas"])


def refused(path, model):
    """What is said of a file that cannot be used."""
    with pytest.raises(ModelError) as caught:
        load_control(path, model)
    assert path.name in caught.value.message or path.stem in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_network_of_another_family_is_named(model, tmp_path):
    tensors = controlnet_tensors("sd1", context_dim=2048, adm_in_channels=2816)
    message = refused(save(tmp_path, "canny-xl", tensors), model)
    assert "made for SDXL" in message and model.name in message


def test_a_network_of_another_width_is_told_by_it(model, tmp_path):
    tensors = controlnet_tensors("sd1", channel_mult=(1, 4))
    assert "levels (1, 4), not (1, 2)" in refused(save(tmp_path, "wide", tensors), model)


def test_a_file_cut_short_says_how_much_is_there(model, tmp_path):
    path = write_controlnet(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "incomplete" in refused(path, model)


@pytest.mark.parametrize(
    "lost", ["input_hint_block.4.weight", "middle_block_out.0.bias", "time_embed.0.weight"]
)
def test_a_missing_tensor_is_named(model, tmp_path, lost):
    tensors = controlnet_tensors("sd1")
    del tensors[lost]
    message = refused(save(tmp_path, "partial", tensors), model)
    assert lost in message or "lacks" in message or "of shape" in message


def test_a_tensor_that_no_such_network_has_is_named(model, tmp_path):
    tensors = controlnet_tensors("sd1") | {"second_thoughts.weight": torch.zeros(6, 32)}
    assert "second_thoughts.weight" in refused(save(tmp_path, "newer", tensors), model)


@pytest.mark.parametrize(
    "names, what",
    [
        (["lora_unet_x.lora_up.weight"], "a LoRA"),
        (["first_stage_model.decoder.conv_in.weight"], "a whole checkpoint"),
        (["controlnet_x_embedder.weight"], "Flux"),
        (["something.weight"], "no network for control that is known"),
    ],
)
def test_files_of_other_kinds_are_refused_by_name(model, tmp_path, names, what):
    path = save(tmp_path, "other", {name: torch.zeros(2, 2) for name in names})
    assert what in refused(path, model)


def test_adapters_that_need_a_face_network_say_so(model, tmp_path):
    parts = ip_adapter_tensors(model.unet.config, "full", seen=48)
    table = flat(parts) | {"image_proj.norm.weight": torch.ones(64)}
    assert "FaceID" in refused(save(tmp_path, "faceid", table), model)


def test_an_adapter_with_other_attentions_is_refused(model, tmp_path):
    unet = replace(model.unet.config, num_res_blocks=2)
    parts = ip_adapter_tensors(unet, "plain", seen=48)
    assert "attentions" in refused(save(tmp_path, "deep", flat(parts)), model)


def test_checkpoints_that_are_no_unets_cannot_be_controlled(model, tmp_path):
    other = replace(model, unet=torch.nn.Linear(1, 1))
    with pytest.raises(ModelError, match="Stable Diffusion 1, 2 and XL"):
        load_control(write_controlnet(tmp_path), other)


def test_changes_to_another_family_are_refused(model, tmp_path):
    tensors = {
        "lora_controlnet": torch.zeros(0),
        "input_blocks.1.0.in_layers.2.up": torch.zeros(48, 3, 1, 1),
        "input_blocks.1.0.in_layers.2.down": torch.zeros(3, 48, 3, 3),
    }
    message = refused(save(tmp_path, "control-lora-other", tensors), model)
    assert "changes input_blocks.1.0.in_layers.2.weight of shape (48, 48, 3, 3)" in message


def test_differences_go_with_a_model_that_is_given_pictures(tmp_path):
    inpainting = load_model(tiny_checkpoints.write("sd1-inpainting", tmp_path))
    tensors = {f"control_model.{k}": v * 0 for k, v in controlnet_tensors("sd1").items()}
    tensors["difference"] = torch.zeros(1)
    network = load_control(save(tmp_path, "diff", tensors), inpainting).network
    own = inpainting.unet.input_blocks[0][0].weight
    assert torch.equal(network.input_blocks[0][0].weight, own[:, :4])


class Evil:
    """Would leave a file behind if it were run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("name", ["control_x.pth", "ip.bin", "control.safetensors"])
def test_nothing_in_a_file_is_ever_run(model, tmp_path, name):
    canary, path = tmp_path / "canary", tmp_path / name
    torch.save({"image_proj": {"x": Evil(canary)}, "control_model.x": Evil(canary)}, path)
    with pytest.raises(ModelError):
        load_control(path, model)
    assert not canary.exists()
