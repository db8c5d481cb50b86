"""Drawn lines by a network."""

import numpy as np
import torch

from modules.model.networks.edge_networks import LineDrawer
from modules.pipeline.preprocessors.edges import in_three
from modules.pipeline.preprocessors.fitting import Pixels


@torch.inference_mode()
def drawn(pixels: Pixels, a: float, b: float, network: LineDrawer) -> Pixels:
    """White lines on black; sides of `pixels` are multiples of 4."""
    device = next(network.parameters()).device
    seen = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float() / 255
    paper = np.asarray(network(seen)[0, 0].cpu(), np.float32)
    return in_three(255 - (paper * 255).clip(0, 255).astype(np.uint8))
