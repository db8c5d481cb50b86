"""How near everything is, and which way surfaces face, by a network that estimates depth."""

from math import tau

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from modules.model.networks.dpt import Dpt
from modules.pipeline.preprocessors.edges import in_three
from modules.pipeline.preprocessors.fitting import Pixels


def depth(pixels: Pixels, a: float, b: float, network: Dpt) -> Pixels:
    """The nearest white, the farthest black."""
    return in_three((_nearness(pixels, network) * 255).astype(np.uint8))


def normals(pixels: Pixels, background: float, b: float, network: Dpt) -> Pixels:
    """Which way surfaces face, as colours: the slope of the depth.

    What is farther than `background` of the whole range faces the viewer.
    """
    near = _nearness(pixels, network)
    slopes = [cv2.Sobel(near * 255, cv2.CV_32F, *way, ksize=3) for way in ((1, 0), (0, 1))]
    for slope in slopes:
        slope[near < background] = 0
    facing = np.stack([*slopes, np.full_like(near, tau)], axis=2)
    facing /= np.linalg.norm(facing, axis=2, keepdims=True)
    return (facing * 127.5 + 127.5).clip(0, 255).astype(np.uint8)


@torch.inference_mode()
def _nearness(pixels: Pixels, network: Dpt) -> NDArray[np.float32]:
    """(H, W) from 0, the farthest, to 1."""
    device = next(network.parameters()).device
    seen = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
    told = np.asarray(network(seen)[0, 0].float().cpu(), np.float32)
    low, high = float(told.min()), float(told.max())
    shares = (told - low) / max(high - low, 1e-6)
    height, width = pixels.shape[:2]
    if shares.shape != (height, width):
        shares = cv2.resize(shares, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(shares, np.float32)
