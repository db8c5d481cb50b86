"""Drawing over pictures with a model in training."""

import pytest
import torch

from modules.model.networks.autoencoder import Autoencoder
from modules.training.draw import Beginning, studio_in_training
from modules.training.painter_stage import Painter
from modules.training.recipe import Recipe
from modules.training.vocabulary import world_vocabulary

SMALL = Recipe(
    size=32, channel_mult=(1, 1), model_channels=16, unet_mult=(1,), text_width=64, text_layers=1
)


@pytest.fixture(scope="module")
def studio():
    torch.manual_seed(0)
    painter = Painter(SMALL.unet, SMALL.text).eval()
    return studio_in_training(
        painter, Autoencoder(SMALL.autoencoder).eval(), world_vocabulary(), 16
    )


def draw(studio, begin=None):
    return studio.draw(["a red ball"] * 2, [1, 2], steps=4, begin=begin)


def test_where_the_mask_is_empty_not_a_pixel_changes(studio):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(32, 32)
    mask[:, :16] = 1
    drawn = draw(studio, Beginning(pixels=pixels, strength=1.0, mask=mask))
    assert drawn[..., 16:].equal(pixels[..., 16:])
    assert not drawn[..., :16].equal(pixels[..., :16])


def test_the_less_noise_the_nearer_the_picture_stays_to_its_round_trip(studio):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        moments = studio.autoencoder.encode_moments(pixels).chunk(2, dim=1)[0]
        trip = studio.autoencoder.decode(moments).clamp(-1, 1)
    gaps = [
        (draw(studio, Beginning(pixels=pixels, strength=strength)) - trip).abs().mean().item()
        for strength in (0.25, 1.0)
    ]
    assert gaps[0] < gaps[1]
