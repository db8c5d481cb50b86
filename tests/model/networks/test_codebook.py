"""VQ-regularised autoencoders, and those without convolutions beside the latent."""

import pytest
import torch

from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig, Codebook
from tests.model.tiny import random_network

SMALL = AutoencoderConfig(
    channels=8,
    channel_mult=(1, 2),
    num_res_blocks=1,
    norm_groups=4,
    z_channels=3,
    embed_dim=3,
    codes=32,
)


@pytest.fixture(autouse=True)
def repeatable():
    """The same inputs every time."""
    torch.manual_seed(0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("widths", [(8, 16), (8, 16, 16)], ids=["f2", "f4"])
@torch.no_grad()
def test_the_autoencoder_with_a_codebook_agrees_with_diffusers(widths):
    from diffusers import VQModel

    levels = len(widths)
    theirs = VQModel(
        block_out_channels=widths, latent_channels=3, num_vq_embeddings=32, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * levels, layers_per_block=2,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )  # fmt: skip
    random_network(theirs, 6)
    table = autoencoder_names(levels)
    config = AutoencoderConfig(
        channels=8, channel_mult=tuple(width // 8 for width in widths), num_res_blocks=2,
        norm_groups=4, z_channels=3, embed_dim=3, codes=32,
    )  # fmt: skip
    ours = Autoencoder(config)
    state = ours.state_dict()
    for name, tensor in theirs.state_dict().items():
        known = original_name(name, table)
        state[known] = tensor.reshape(state[known].shape)
    ours.load_state_dict(state)
    picture, latent = torch.randn(2, 3, 24, 16), torch.randn(2, 3, 6, 4)
    encoded, decoded = theirs.encode(picture).latents, theirs.decode(latent).sample
    assert (ours.encode_moments(picture) - encoded).abs().max() < 1e-4 * encoded.abs().max()
    assert (ours.decode(latent) - decoded).abs().max() < 1e-4 * decoded.abs().max()


def test_cells_become_the_nearest_vectors_of_the_codebook():
    book = Codebook(3, 2)
    book.embedding.weight.data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    cells = torch.tensor([[0.2, 0.1], [0.8, -0.4], [0.4, 9.0], [-7.0, 0.0]])
    found = book(cells.T.reshape(1, 2, 2, 2))
    expected = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [0.0, 0.0]])
    assert torch.equal(found, expected.T.reshape(1, 2, 2, 2))


def test_many_cells_are_compared_piece_by_piece_with_the_same_result(monkeypatch):
    book, z = random_network(Codebook(16, 3), 1), torch.randn(2, 3, 9, 7)
    whole = book(z)
    monkeypatch.setattr("modules.model.networks.autoencoder.CELLS_AT_ONCE", 10)
    assert torch.equal(book(z), whole)


@torch.no_grad()
def test_encoding_with_a_codebook_draws_nothing_and_decoding_rounds():
    network = random_network(Autoencoder(SMALL), 2)
    picture = torch.randn(1, 3, 16, 16)
    latent = network.draw(network.encode_moments(picture), torch.randn(1, 3, 8, 8))
    assert torch.equal(latent, network.encode_moments(picture))
    rounded = network.quantize(latent)
    assert not torch.equal(latent, rounded)
    assert torch.equal(network.decode(latent), network.decode(rounded))


@torch.no_grad()
def test_an_autoencoder_without_convolutions_beside_the_latent_has_no_weights_for_them():
    config = AutoencoderConfig(
        channels=8, channel_mult=(1, 2), num_res_blocks=1, norm_groups=4, z_channels=16,
        embed_dim=16, point_convs=False,
    )  # fmt: skip
    network = random_network(Autoencoder(config), 2)
    assert not any("quant" in name for name in network.state_dict())
    moments = network.encode_moments(torch.randn(1, 3, 16, 16))
    assert moments.shape == (1, 32, 8, 8)
    assert network.decode(network.draw(moments, torch.zeros(1, 16, 8, 8))).shape == (1, 3, 16, 16)
