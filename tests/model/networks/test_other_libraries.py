"""The networks against diffusers' and transformers', with the same random weights."""

import pytest
import torch

from modules.model.assemble import without_ones
from modules.model.diffusers_folder import (
    autoencoder_from,
    text_from,
    unet_from,
    unet_names_for,
)
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.folder_files import text_name
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText
from modules.model.networks.unet import UNet
from tests.model.tiny import random_network

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def copied(network, theirs, rename):
    """`network` with the weights of `theirs`."""
    state = network.state_dict()
    for name, tensor in theirs.state_dict().items():
        ours = rename(name)
        assert ours in state, name
        assert without_ones(tuple(tensor.shape)) == without_ones(tuple(state[ours].shape))
        state[ours] = tensor.reshape(state[ours].shape)
    network.load_state_dict(state)
    return network.eval()


@pytest.mark.parametrize(
    "linear, heads", [(False, 4), (True, [2, 4, 4])], ids=["first version", "second version"]
)
@torch.no_grad()
def test_unet_agrees_with_diffusers(linear, heads):
    from diffusers import UNet2DConditionModel

    theirs = UNet2DConditionModel(
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=2, cross_attention_dim=24, attention_head_dim=heads, norm_num_groups=8,
        use_linear_projection=linear, in_channels=4, out_channels=4,
    )  # fmt: skip
    random_network(theirs, 5)
    network = UNet(unet_from(theirs.config))
    table = unet_names_for(network.config)
    ours = copied(network, theirs, lambda name: original_name(name, table))
    assert len(ours.state_dict()) == len(theirs.state_dict())
    x, t, context = torch.randn(2, 4, 16, 8), torch.tensor([3.0, 900.0]), torch.randn(2, 7, 24)
    expected = theirs(x, t, context).sample
    assert (ours(x, t, context) - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.no_grad()
def test_autoencoder_agrees_with_diffusers():
    from diffusers import AutoencoderKL

    theirs = AutoencoderKL(
        block_out_channels=(8, 16, 16), latent_channels=4, norm_num_groups=4, layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    random_network(theirs, 6)
    table = autoencoder_names(3)
    network = Autoencoder(autoencoder_from(theirs.config))
    ours = copied(network, theirs, lambda name: original_name(name, table))
    assert len(ours.state_dict()) == len(theirs.state_dict())
    picture, latent = torch.randn(1, 3, 24, 16), torch.randn(1, 4, 6, 4)
    moments = theirs.encode(picture).latent_dist.parameters
    decoded = theirs.decode(latent).sample
    # encode() of diffusers clamps the log variance, so compare the means
    difference = ours.encode_moments(picture)[:, :4] - moments[:, :4]
    assert difference.abs().max() < 1e-4 * moments.abs().max()
    assert (ours.decode(latent) - decoded).abs().max() < 1e-4 * decoded.abs().max()


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@torch.no_grad()
def test_text_encoder_agrees_with_transformers(activation):
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=4, hidden_act=activation, eos_token_id=59,
    )  # fmt: skip
    theirs = random_network(CLIPTextModel(config), 7)
    ours = copied(ClipText(text_from(config.to_dict())), theirs, text_name)
    ids = torch.randint(0, 59, (2, 77))
    expected = theirs(ids, output_hidden_states=True)
    for state, reference in zip(ours(ours.embed_tokens(ids)), expected.hidden_states, strict=True):
        assert (state - reference).abs().max() < 1e-4
    last = ours.final_layer_norm(ours(ours.embed_tokens(ids))[-1])
    assert (last - expected.last_hidden_state).abs().max() < 1e-4
