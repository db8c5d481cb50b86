"""A trained copy of a U-Net's way down that reads a picture (Zhang et al. 2023, arXiv:2302.05543).

Parameters carry the names of the original files (below `control_model.`).
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Conv2d
from modules.model.networks.unet import (
    UNetConfig,
    conv1x1,
    down_stages,
    middle_stage,
    timestep_embedding,
    two_layers,
    zeroed,
)

HINT_WIDTHS = (16, 16, 32, 32, 96, 96, 256)


@dataclass(frozen=True, kw_only=True)
class ControlNetConfig:
    """The shape of a network; `unet` is that of the U-Net it goes with.

    `hint_widths` are the channels of the convolutions that read the picture, but the last.
    """

    unet: UNetConfig
    hint_channels: int = 3
    hint_widths: tuple[int, ...] = HINT_WIDTHS

    @property
    def hint_scale(self) -> int:
        """Pixels of the picture per latent cell along one side."""
        return 2 ** ((len(self.hint_widths) - 1) // 2)


class ControlNet(nn.Module):
    """A latent and a picture to what is added to the U-Net's skip connections and its middle."""

    def __init__(self, config: ControlNetConfig) -> None:
        super().__init__()
        self.config = config
        unet = replace(config.unet, scale_embedding=None)
        base, time_width = unet.model_channels, unet.model_channels * 4
        self.time_embed = two_layers(base, time_width)
        if unet.adm_in_channels is not None:
            self.label_emb = nn.Sequential(two_layers(unet.adm_in_channels, time_width))
        self.input_hint_block = hint_reader(config)
        self.input_blocks, widths = down_stages(unet, time_width)
        self.zero_convs = nn.ModuleList(nn.Sequential(zeroed(conv1x1(w))) for w in widths)
        self.middle_block = middle_stage(unet, widths[-1], time_width)
        self.middle_block_out = nn.Sequential(zeroed(conv1x1(widths[-1])))

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in; small ones are always there."""
        return self.get_parameter("middle_block_out.0.bias").dtype

    def read_hint(self, picture: Tensor) -> Tensor:
        """A picture (B, hint_channels, H, W) to (B, model_channels, H/scale, W/scale).

        It does not depend on the timestep: one reading serves a whole pass.
        """
        guided: Tensor = self.input_hint_block(picture.to(self.dtype))
        return guided

    def forward(
        self,
        x: Tensor,
        hint: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
    ) -> list[Tensor]:
        """One evaluation; as `UNet.forward`, with `hint` from `read_hint` for one row or all.

        Gives a tensor (B, channels, h, w) for each skip connection, finest first, and one for the
        middle, unscaled.
        """
        config = self.config.unet
        emb = self.time_embed(timestep_embedding(timesteps, config.model_channels).to(self.dtype))
        if vector is not None and config.adm_in_channels is not None:
            emb = emb + self.label_emb(vector.to(self.dtype))
        told = self.told()
        emb = emb if told is None else emb + told
        context = context.to(self.dtype)
        h = x[:, : config.in_channels].to(self.dtype)
        found = []
        for place, stage in enumerate(self.input_blocks):
            h = stage(h, emb, context)
            if place == 0:
                h = self.joined(h, hint)
            found.append(self.zero_convs[place](h))
        found.append(self.middle_block_out(self.middle_block(h, emb, context)))
        return found

    def told(self) -> Tensor | None:
        """What is added to the timestep's vector, (1, 4 * model_channels), if anything is."""
        return None

    def joined(self, h: Tensor, hint: Tensor) -> Tensor:
        """The first feature map (B, C, h, w) with the picture's (1 or B, C, h, w)."""
        return h + hint


def hint_reader(config: ControlNetConfig) -> nn.Sequential:
    """Convolutions and SiLUs in turn; every second one after the first two halves the picture."""
    widths = (config.hint_channels, *config.hint_widths)
    layers: list[nn.Module] = []
    for number, (width, out_width) in enumerate(pairwise(widths)):
        stride = 2 if number and number % 2 == 0 else 1
        layers += [Conv2d(width, out_width, 3, padding=1, stride=stride), nn.SiLU()]
    last = Conv2d(widths[-1], config.unet.model_channels, 3, padding=1)
    return nn.Sequential(*layers, zeroed(last))


def fitted_hint(picture: Tensor, cells: tuple[int, int], scale: int) -> Tensor:
    """A picture (B, C, H, W) at the size that gives (rows, columns) of latent `cells`."""
    wanted = cells[0] * scale, cells[1] * scale
    if tuple(picture.shape[-2:]) == wanted:
        return picture
    return F.interpolate(picture, size=wanted, mode="bilinear", antialias=True)
