"""A head start for the autoencoder: begin as a blurred copy of the picture, not as noise.

The first channels of every normalisation group carry red, green, blue and a constant through the
whole network: convolutions pass them on, downsampling averages them and upsampling repeats them.
What is left to learn is the detail. The constant keeps the group's statistics from erasing the
absolute colour.
"""

import torch
from torch import Tensor, nn

from modules.model.networks.autoencoder import Autoencoder, Downsample, ResBlock, Upsample
from modules.model.networks.point_conv import PointConv

CARRIED = 4
CONSTANT = 1.0


def _channels(width: int, groups: int) -> list[list[int]]:
    """For each of the carried values, the channels that hold it: one in every group."""
    size = width // groups
    return [[group * size + value for group in range(groups)] for value in range(CARRIED)]


def _carry(weight: Tensor, groups: int, taps: list[tuple[int, int, float]]) -> None:
    """Make the carried channels of a convolution copy themselves through the given taps."""
    out_width, in_width = weight.shape[:2]
    targets, sources = _channels(out_width, groups), _channels(in_width, groups)
    for value in range(CARRIED):
        for target, source in zip(targets[value], sources[value], strict=True):
            weight[target] = 0
            for y, x, share in taps:
                weight[target, source, y, x] = share


def _carry_in(conv: nn.Conv2d, groups: int) -> None:
    """Spread the first input channels (and a constant) over all groups."""
    if conv.bias is None:
        raise ValueError("The convolution needs a bias.")
    for value, targets in enumerate(_channels(conv.out_channels, groups)):
        for target in targets:
            conv.weight[target] = 0
            conv.bias[target] = CONSTANT if value == CARRIED - 1 else 0
            if value < CARRIED - 1:
                conv.weight[target, value, 1, 1] = 1


@torch.no_grad()
def start_near_identity(network: Autoencoder) -> None:
    """Rewrite a freshly made autoencoder's weights so that it begins as a blurring copy."""
    groups = network.config.norm_groups
    for module in network.modules():
        if isinstance(module, ResBlock):
            module.conv2.weight.mul_(0.05)
            if module.widens:
                _carry(module.nin_shortcut.weight, groups, [(0, 0, 1.0)])
        elif isinstance(module, Downsample):
            _carry(module.conv.weight, groups, [(y, x, 0.25) for y in (0, 1) for x in (0, 1)])
        elif isinstance(module, Upsample):
            _carry(module.conv.weight, groups, [(1, 1, 1.0)])
    _carry_in(network.encoder.conv_in, groups)
    _carry_in(network.decoder.conv_in, groups)
    for conv in (network.quant_conv, network.post_quant_conv):
        assert isinstance(conv, PointConv), "identity needs both convolutions beside the latent"
        conv.weight.mul_(0.1)
        for channel in range(min(conv.weight.shape[:2])):
            conv.weight[channel, channel] = 1
