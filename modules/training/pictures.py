"""Pictures of the world as tensors, and tensors as picture files."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.training.world.picture import draw_scene
from modules.training.world.scene import Scene


def to_tensor(pictures: list[Image.Image]) -> Tensor:
    """RGB pictures of one size to (B, 3, H, W) float32 in [-1, 1]."""
    stacked = np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    """(B, 3, H, W) in [-1, 1] to RGB pictures; values outside are cut off."""
    levels = (pixels.float().clamp(-1, 1) + 1).mul(127.5).round().to(torch.uint8)
    return [Image.fromarray(one.permute(1, 2, 0).cpu().numpy()) for one in levels]


def scene_pixels(scenes: list[Scene], size: int = 128) -> Tensor:
    """The scenes' pictures, (B, 3, size, size) in [-1, 1]."""
    return to_tensor([draw_scene(scene, size, size) for scene in scenes])


def save_sheet(pictures: list[Image.Image], columns: int, file: Path, gap: int = 2) -> None:
    """Lay pictures of one size out in rows of `columns` and write them to a file."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (column * (width + gap), row * (height + gap)))
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)
