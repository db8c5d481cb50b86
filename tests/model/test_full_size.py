"""The descriptions that come with the program, at full size, without a byte of weights."""

from functools import cache

import pytest
import torch

from modules.model.config import read_config
from modules.model.families.sd1 import SD1
from modules.model.families.sd2 import SD2
from modules.model.families.sdxl import SDXL, SDXL_REFINER
from modules.model.families.unclip import UNCLIP
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.unet import UNet
from modules.paths import Paths

NUMBERS = {
    SD1: 859_520_964,
    SD2: 865_910_724,
    SDXL: 2_567_463_684,
}
"""Parameters of the published U-Nets."""
VIT_H = ClipTextConfig(width=1024, layers=23, intermediate=4096, activation="gelu")
BIG_G = ClipTextConfig(width=1280, layers=32, intermediate=5120, activation="gelu", projection=1280)


@cache
def size_of(kind, config):
    """Number of parameters of a network that is never filled."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in kind(config).parameters())


@pytest.mark.parametrize("family", NUMBERS, ids=lambda family: family.name)
def test_a_familys_networks_are_as_large_as_the_published_ones(family):
    architecture = read_config(Paths().configs / family.config)
    assert size_of(UNet, architecture.unet) == NUMBERS[family]
    assert size_of(Autoencoder, architecture.autoencoder) == 83_653_863


def test_the_refiner_is_as_large_as_its_file():
    architecture = read_config(Paths().configs / SDXL_REFINER.config)
    numbers = size_of(UNet, architecture.unet) + size_of(ClipText, BIG_G)
    numbers += size_of(Autoencoder, architecture.autoencoder)
    assert round(2 * numbers / 1e9, 2) == 6.08, "gigabytes in half precision"


def test_text_encoders_are_as_large_as_the_published_ones():
    assert size_of(ClipText, ClipTextConfig()) == 123_060_480
    assert size_of(ClipText, VIT_H) == 340_387_840
    assert size_of(ClipText, BIG_G) == 694_659_840
    assert (VIT_H.head_count, BIG_G.head_count) == (16, 20)


@pytest.mark.parametrize(
    "family, factor, prediction",
    [
        (SD1, 0.18215, "epsilon"), (SD2, 0.18215, "epsilon"), (UNCLIP, 0.18215, "v"),
        (SDXL, 0.13025, "epsilon"), (SDXL_REFINER, 0.13025, "epsilon"),
    ],
)  # fmt: skip
def test_every_family_has_a_description(family, factor, prediction):
    architecture = read_config(Paths().configs / family.config)
    assert (architecture.scale_factor, architecture.prediction) == (factor, prediction)
    assert architecture.schedule.alphas_cumprod().shape == (1000,)
