"""Large networks on a processor: in bfloat16, where that is really faster.

Processors since about 2020 multiply bfloat16 several times as fast as float32, others many times
slower, so each is asked. Pictures differ a little from those in float32; recipes say which it was,
and `--no-half` or `--precision full` keep everything in float32. Small networks gain nothing.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from modules.model.networks.autoencoder import Attention as PictureAttention
from modules.model.networks.unet import CrossAttention
from modules.model.residency import Policy

LARGE = 2 * 10**8
"""Numbers of a denoising network from which it is large; Stable Diffusion's has 860 million."""
SIDE = 512
"""Rows and columns of the matrices multiplied to find out; takes about a hundredth of a second."""
TRIES = 5
WORTH = 1.3
"""How many times as fast bfloat16 must be."""


def quick_type() -> torch.dtype | None:
    """What large networks should compute in on this machine's processor; None: float32."""
    if not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    x = torch.ones(SIDE, SIDE)
    half = x.bfloat16()
    whole_s, half_s = least_seconds(lambda: x @ x), least_seconds(lambda: half @ half)
    return torch.bfloat16 if whole_s > WORTH * half_s else None


def least_seconds(work: Callable[[], Tensor]) -> float:
    """The shortest of a few tries, on a machine that may have other work."""
    found = []
    for _ in range(TRIES + 1):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found[1:])


def quicken(network: nn.Module, policy: Policy) -> None:
    """Have a network, just settled, use what is fast where a processor computes in bfloat16.

    Attention computes in blocks, and weights of convolutions lie as the processor wants to have
    pictures: channels last. Weights in a mapped file would have to be copied for that, and stay.
    """
    if policy.device.type != "cpu" or policy.dtype != torch.bfloat16:
        return
    for layer in network.modules():
        if isinstance(layer, CrossAttention | PictureAttention):
            layer.kernel = "blocks"
        if isinstance(layer, nn.Conv2d) and layer.weight.dtype == torch.bfloat16:
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
