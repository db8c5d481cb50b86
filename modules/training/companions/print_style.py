"""A drawing style that no caption names: a print in one ink, indigo on cream paper."""

import numpy as np
from PIL import Image, ImageFilter

from modules.training.world.picture import draw_scene
from modules.training.world.scene import Scene

INK = np.array((38, 30, 104), dtype=np.float32)
PAPER = np.array((255, 241, 214), dtype=np.float32)
CONTRAST = 1.25


def draw_print(scene: Scene, size: int) -> Image.Image:
    """The scene as a print (RGB, size x size pixels): its lightness, from ink to paper."""
    picture = draw_scene(scene, size, size).filter(ImageFilter.GaussianBlur(0.6))
    lightness = np.asarray(picture.convert("L"), dtype=np.float32)[..., None] / 255
    lightness = ((lightness - 0.5) * CONTRAST + 0.55).clip(0, 1)
    return Image.fromarray((INK + (PAPER - INK) * lightness).round().astype(np.uint8))
