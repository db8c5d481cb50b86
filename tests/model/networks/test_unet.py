"""Properties of the U-Net that no reference file shows."""

import pytest
import torch

from modules.model.networks.unet import UNet, UNetConfig
from tests.model.tiny import UNET, random_network


@torch.no_grad()
def test_an_untrained_unet_predicts_zero():
    x, context = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 16)
    assert UNet(UNET)(x, torch.tensor([10.0]), context).abs().max() == 0


@pytest.mark.parametrize("size", [(8, 8), (7, 8), (5, 9), (1, 1)])
@torch.no_grad()
def test_every_size_keeps_its_shape(size):
    unet = random_network(UNet(UNET), 1)
    out = unet(torch.randn(2, 4, *size), torch.tensor([10.0, 20.5]), torch.randn(2, 5, 16))
    assert out.shape == (2, 4, *size)


@torch.no_grad()
def test_a_batch_gives_what_single_evaluations_give():
    unet = random_network(UNet(UNET), 1)
    x, t, context = (
        torch.randn(3, 4, 8, 8),
        torch.tensor([1.0, 500.0, 999.0]),
        torch.randn(3, 5, 16),
    )
    together = unet(x, t, context)
    alone = torch.cat([unet(x[i : i + 1], t[i : i + 1], context[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-4)


@torch.no_grad()
def test_fractions_of_timesteps_matter():
    unet = random_network(UNet(UNET), 1)
    x, context = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 16)
    whole, part = unet(x, torch.tensor([10.0]), context), unet(x, torch.tensor([10.4]), context)
    assert not torch.equal(whole, part)


@torch.no_grad()
def test_half_precision_weights_take_and_keep_float32_latents():
    unet = random_network(UNet(UNET), 1).to(torch.bfloat16)
    out = unet(torch.randn(1, 4, 8, 8), torch.tensor([10.0]), torch.randn(1, 5, 16))
    assert out.dtype == torch.bfloat16 and out.isfinite().all()


@torch.no_grad()
def test_the_extra_condition_vector_is_heard():
    config = UNetConfig(
        model_channels=8, channel_mult=(1, 2), num_res_blocks=1, attention_resolutions=(2,),
        transformer_depth=(0, 2), num_heads=None, head_channels=4, context_dim=16, norm_groups=4,
        adm_in_channels=6, use_linear_in_transformer=True,
    )  # fmt: skip
    unet = random_network(UNet(config), 1)
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([10.0]), torch.randn(1, 5, 16)
    assert not torch.equal(
        unet(x, t, context, torch.zeros(1, 6)), unet(x, t, context, torch.ones(1, 6))
    )
