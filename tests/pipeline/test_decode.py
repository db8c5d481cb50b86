"""Pixels are rounded toward zero."""

import numpy as np
import torch

from modules.pipeline.decode import decode, to_pixels
from tests.pipeline.reference import model


def levels(*values: float) -> list[int]:
    picture = torch.tensor(values).reshape(1, 1, -1).expand(3, -1, -1) * 2 - 1
    return list(to_pixels(picture).data[::3])


def test_levels_are_cut_off_not_rounded() -> None:
    assert levels(0.0, 0.5, 0.999999, 1.0) == [0, 127, 254, 255]


def test_values_outside_the_range_become_black_and_white() -> None:
    assert levels(-0.5, 1.5) == [0, 255]


def test_every_level_survives_the_way_to_a_fraction_and_back() -> None:
    fractions = torch.arange(256, dtype=torch.float32) / 255.0
    assert ((fractions * 255.0).byte() == torch.arange(256)).all()


def test_rows_go_from_top_to_bottom_with_three_channels_a_pixel() -> None:
    picture = torch.full((3, 2, 4), -1.0)
    picture[0, 1, 2] = 1.0
    image = to_pixels(picture)
    assert (image.width, image.height, image.mode) == (4, 2, "RGB")
    assert np.frombuffer(image.data, np.uint8).reshape(2, 4, 3)[1, 2].tolist() == [255, 0, 0]


def test_a_latent_becomes_a_picture_eight_times_as_large() -> None:
    image = decode(model(), torch.zeros(4, 3, 5))
    assert (image.width, image.height) == (40, 24)
