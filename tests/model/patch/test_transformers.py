"""Networks for SD 3 and FLUX.1: layers that are parts of matrices, weights that stay packed."""

import pytest
import torch
from torch import Tensor, nn

from modules.model.families.transformer_names import flux_names, sd3_names
from modules.model.networks.packed_linear import PackedLinear
from modules.model.packing import GGML, Packed
from modules.model.patch.layer_names import places
from modules.model.patch.patcher import shapes_of
from modules.model.patch.side_branch import SideBranches, branch_of
from tests.model.patch.zoo import some

FLUX = {
    "double_blocks.0.img_attn.qkv.weight": (48, 16),
    "double_blocks.0.img_attn.qkv.bias": (48,),
    "double_blocks.0.img_mlp.0.weight": (64, 16),
    "single_blocks.0.linear1.weight": (48 + 64, 16),
    "single_blocks.1.linear2.weight": (16, 80),
}


def test_parts_of_a_matrix_are_layers_of_their_own() -> None:
    found = places(FLUX, [])
    head = "lora_unet_transformer_blocks_0_attn_to_"
    assert [found[head + part].rows for part in "qkv"] == [(0, 16), (16, 32), (32, 48)]
    assert found[head + "k"].bias == "double_blocks.0.img_attn.qkv.bias"
    single = "lora_unet_single_transformer_blocks_0_"
    assert found[f"{single}attn_to_v"].rows == (32, 48)
    assert (found[f"{single}proj_mlp"].rows, found[f"{single}proj_mlp"].shape) == (
        (48, 112),
        (64, 16),
    )
    whole = found["lora_unet_double_blocks_0_img_attn_qkv"]  # as other programs name it
    assert (whole.rows, whole.shape) == (None, (48, 16))
    assert found["lora_unet_transformer_blocks_0_ff_net_0_proj"].rows is None
    assert found["lora_unet_single_transformer_blocks_1_proj_out"].shape == (16, 80)


@pytest.mark.parametrize("table", [flux_names(2, 2, True), sd3_names(2, 1, True)])
def test_every_layer_of_diffusers_has_a_place(table: dict) -> None:
    shapes = {name: (96, 16) for name in table if name.endswith("weight")}
    told = [joined for name, joined in table.items() if name in shapes and not joined.swapped]
    known = {source for joined in told for source in joined.sources}
    layers = {source.removesuffix(".weight") for source in known if source.endswith(".weight")}
    found = places(shapes, [])
    assert all("lora_unet_" + layer.replace(".", "_") in found for layer in layers)


def packed(numbers: int) -> PackedLinear:
    kind = next(packing for packing in GGML.values() if packing.name == "Q8_0")
    blocks = numbers * 64 // kind.numbers
    raw = torch.randint(0, 255, (blocks, kind.bytes), dtype=torch.uint8)
    raw[:, :2] = torch.tensor([0.01], dtype=torch.float16).view(torch.uint8)
    return PackedLinear(Packed(kind, (numbers, 64), raw.flatten()), some(numbers))


GROUPS: list[dict[str, Tensor]] = [
    {"lora_up.weight": some(32, 4), "lora_down.weight": some(4, 64), "alpha": torch.tensor(2.0)},
    {"lokr_w1": some(4, 8), "lokr_w2": some(8, 8)},
    {"diff": some(32, 64), "diff_b": some(32)},
]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("rows", [slice(None), slice(32, 64)])
def test_beside_packed_weights_a_network_does_what_merging_would(
    group: dict[str, Tensor], rows: slice
) -> None:
    layer = packed(32 if rows.start is None else 96)
    network = nn.ModuleDict({"it": layer})
    assert shapes_of(network)["it.weight"] == layer.shape
    x = torch.randn(3, 64)
    plain = layer(x)
    branches = SideBranches()
    branches.add(layer, branch_of(layer, group, 0.5, None, rows), rows)
    weight, bias = layer.unpacked(), layer.bias.detach().clone()
    if "diff" in group:
        weight[rows] += group["diff"] * 0.5
        bias[rows] += group["diff_b"] * 0.5
    elif "lokr_w1" in group:
        weight[rows] += torch.kron(group["lokr_w1"], group["lokr_w2"]) * 0.5
    else:
        weight[rows] += group["lora_up.weight"] @ group["lora_down.weight"] * 0.5 * 2 / 4
    assert torch.allclose(layer(x), nn.functional.linear(x, weight, bias), atol=0.05)
    assert not torch.allclose(layer(x), plain, atol=0.2)
    branches.clear()
    assert torch.equal(layer(x), plain)
