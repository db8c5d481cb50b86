"""Convolutions in eight bits: how near they come, what they depend on, and that nothing stays."""

import pytest
import torch

from modules.model.eight_bits import ByteConv, EightBits, quick_bytes, why_not
from modules.model.networks.layers import Conv2d
from modules.model.networks.unet import UNet, UNetConfig
from modules.model.residency import AllOnDevice, LayerByLayer
from tests.model.tiny import random_network

pytestmark = pytest.mark.skipif(
    not quick_bytes(), reason="needs instructions for products of bytes"
)

CONFIG = UNetConfig(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_resolutions=(1,),
    context_dim=16,
)  # fmt: skip


def picture(rows: int = 1, channels: int = 32, height: int = 9, width: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(rows, channels, height, width, generator=generator)


def network() -> UNet:
    unet = UNet(CONFIG)
    random_network(unet, 1)
    return unet


def layer(dtype: torch.dtype = torch.float32) -> Conv2d:
    torch.manual_seed(2)
    return Conv2d(32, 48, 3, padding=1).to(dtype).requires_grad_(False)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).norm() / other.float().norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_twin_says_nearly_the_same_in_the_type_of_its_input(dtype: torch.dtype) -> None:
    own, x = layer(dtype), picture().to(dtype)
    found = ByteConv(own)(x)
    assert found.dtype == dtype
    assert 0 < distance(found, own(x)) < 0.03


def test_edges_see_zeros_outside() -> None:
    own, x = layer(), picture()
    found, exact = ByteConv(own)(x), own(x)
    for edge in (found[..., 0] - exact[..., 0], found[..., -1, :] - exact[..., -1, :]):
        assert edge.abs().max() < 0.05 * exact.abs().max()


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    twin, x = ByteConv(layer()), picture(rows=3)
    x[1] *= 100
    assert torch.equal(twin(x)[2:], twin(x[2:]))


def test_a_picture_of_nothing_gives_the_bias() -> None:
    own = layer()
    found = ByteConv(own)(torch.zeros(1, 32, 4, 4))
    assert own.bias is not None
    assert torch.allclose(found, own.bias[:, None, None].expand(1, -1, 4, 4))


def test_damaged_numbers_stay_visible() -> None:
    x = picture()
    x[0, 0, 0, 0] = torch.nan
    assert torch.isnan(ByteConv(layer())(x)).any()


@torch.no_grad()
def test_a_network_is_itself_again_after_the_block() -> None:
    unet = network()
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([10.0, 500.0]), torch.randn(2, 5, 16)
    plain = unet(x, t, context)
    twins = EightBits(unet)
    with twins.at_work():
        quick = unet(x, t, context)
    assert 0 < distance(quick, plain) < 0.2
    assert torch.equal(unet(x, t, context), plain)


@torch.no_grad()
def test_weights_that_change_get_another_twin() -> None:
    unet = network()
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([10.0]), torch.randn(1, 5, 16)
    twins = EightBits(unet)
    with twins.at_work():
        before = unet(x, t, context)
    unet.get_parameter("output_blocks.0.0.in_layers.2.weight").mul_(2)
    with twins.at_work():
        after = unet(x, t, context)
    assert not torch.equal(before, after)
    with EightBits(unet).at_work():
        assert torch.equal(after, unet(x, t, context))


def test_where_it_cannot_be_the_reason_is_told() -> None:
    unet = UNet(CONFIG)
    assert why_not(unet, AllOnDevice()) == ""
    assert "no U-Net" in why_not(torch.nn.Linear(2, 2), AllOnDevice())
    assert "memory" in why_not(unet, LayerByLayer(torch.device("cpu"), torch.float32))
    assert "processors" in why_not(unet, AllOnDevice(torch.device("meta")))
