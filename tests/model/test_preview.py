"""Rough pictures of latents."""

import torch

from modules.model.family import FAMILIES
from modules.model.preview import latent_to_rgb


def test_an_empty_latent_is_grey():
    picture = latent_to_rgb(torch.zeros(4, 2, 3), FAMILIES["sd1"].preview_factors)
    assert picture.shape == (2, 3, 3)
    assert picture.dtype == torch.uint8
    assert picture.unique().tolist() == [127]


def test_each_channel_adds_its_colour_and_the_constant_is_added_once():
    latent = torch.zeros(2, 1, 1)
    latent[1] = 2.0
    factors = [(9.0, 9.0, 9.0), (0.25, 0.0, -0.25), (0.0, 0.5, 0.0)]
    assert latent_to_rgb(latent, factors).tolist() == [[[191, 191, 63]]]


def test_colours_are_clamped():
    latent = torch.tensor([[[100.0, -100.0]]])
    assert latent_to_rgb(latent, [(1.0, 1.0, 1.0)]).tolist() == [[[255] * 3, [0] * 3]]
