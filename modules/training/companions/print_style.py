"""A drawing style that no caption names: a cyanotype, white things on Prussian blue.

What shows is where the things are and how light they are, whatever their colours. Things and what
lies behind them have ranges of lightness of their own, so that every thing stands out.
"""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from modules.training.world.backdrops import draw_backdrop
from modules.training.world.picture import SUPERSAMPLE, draw_scene
from modules.training.world.scene import Scene

Floats = NDArray[np.float32]
BLUE_DARK = np.array((12, 36, 118), dtype=np.float32)
BLUE_LIGHT = np.array((40, 104, 214), dtype=np.float32)
WHITE_DARK = np.array((104, 152, 228), dtype=np.float32)
WHITE_LIGHT = np.array((250, 252, 255), dtype=np.float32)


def draw_print(scene: Scene, size: int) -> Image.Image:
    """The scene as a cyanotype (RGB, size x size pixels)."""
    picture = draw_scene(scene, size, size)
    side = size * SUPERSAMPLE
    empty = draw_backdrop(scene.backdrop, side, side, Random(scene.seed)).reduce(SUPERSAMPLE)
    there = np.abs(np.asarray(picture, dtype=np.int16) - np.asarray(empty, dtype=np.int16))
    mask = Image.fromarray((there.max(axis=-1) > 8).astype(np.uint8) * 255)
    things = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)[..., None]
    lightness = np.asarray(picture.convert("L"), dtype=np.float32)[..., None] / 255
    behind = BLUE_DARK + (BLUE_LIGHT - BLUE_DARK) * lightness
    before = WHITE_DARK + (WHITE_LIGHT - WHITE_DARK) * (lightness * 1.2).clip(0, 1)
    result: Floats = behind + (before - behind) * things / 255
    return Image.fromarray(result.round().clip(0, 255).astype(np.uint8))
