"""Soft edges by a network, and scribbles made of them."""

import numpy as np
import torch
from numpy.typing import NDArray

from modules.model.networks.edge_networks import Hed
from modules.pipeline.preprocessors.edges import as_scribble, in_three
from modules.pipeline.preprocessors.fitting import Pixels

SAFE_STEPS = 2
"""Levels between black and white in edges that hide nothing in their greys."""


def soft_edges(pixels: Pixels, a: float, b: float, network: Hed) -> Pixels:
    """White soft edges on black."""
    return in_three(_levels(_edges(pixels, network)))


def safe_edges(pixels: Pixels, a: float, b: float, network: Hed) -> Pixels:
    """Soft edges in few greys, through which less of the original shows."""
    shares = _edges(pixels, network) * np.float32(SAFE_STEPS + 1)
    return in_three(_levels(np.floor(shares) / np.float32(SAFE_STEPS)))


def scribble(pixels: Pixels, a: float, b: float, network: Hed) -> Pixels:
    """Soft edges drawn over with a thick pen."""
    return as_scribble(_levels(_edges(pixels, network)))


@torch.inference_mode()
def _edges(pixels: Pixels, network: Hed) -> NDArray[np.float32]:
    """(H, W) from 0 to 1."""
    device = network.norm.device
    seen = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float()
    return np.asarray(network(seen)[0, 0].cpu(), np.float32)


def _levels(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (shares * 255).clip(0, 255).astype(np.uint8)
