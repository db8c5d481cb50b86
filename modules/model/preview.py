"""Small, rough pictures of latents, for watching a picture being drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor


def latent_to_rgb(latent: Tensor, factors: Sequence[Sequence[float]]) -> Tensor:
    """One scaled latent (C, h, w) to a picture (h, w, 3) uint8 on the CPU, by a linear map.

    `factors` holds red, green and blue in [-1, 1] for each channel; one row more is a constant.
    """
    table = torch.tensor(factors, dtype=torch.float32, device=latent.device)  # (C or C+1, 3)
    channels = latent.shape[0]
    rgb = torch.einsum("chw,cd->hwd", latent.float(), table[:channels])
    rgb = rgb + table[channels:].sum(dim=0)
    return ((rgb + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8).cpu()
