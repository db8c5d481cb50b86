"""From drawn pixels to the picture a person gets: whose colours it has."""

import numpy as np
from PIL import Image

from modules.pipeline.finish import finished
from modules.pipeline.pictures import as_data
from modules.pipeline.placing import Placed
from modules.schema.inputs import PictureOptions


def speckled(colour: tuple[int, int, int], seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(-20, 20, (32, 32, 3))
    return Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8))


def test_colours_come_from_the_picture_or_from_another_that_is_named() -> None:
    drawn, own = as_data(speckled((90, 90, 90), 1)), speckled((150, 60, 60), 2)
    other = as_data(speckled((60, 60, 150), 3))
    options = PictureOptions(colour_correction=True)

    def means(reference: object = None) -> tuple[float, float]:
        data = finished(drawn, Placed(own), options, reference)  # type: ignore[arg-type]
        levels = np.frombuffer(data.data, np.uint8).reshape(-1, 3).mean(axis=0)
        return float(levels[0]), float(levels[2])

    red, blue = means()
    assert red > blue + 40
    red, blue = means(other)
    assert blue > red + 40
