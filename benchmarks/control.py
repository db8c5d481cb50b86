"""What a unit of control costs, beside one evaluation of the U-Net.

`python -m benchmarks control [checkpoint] [pixels] [repeats]` makes networks for control of the
checkpoint's shape (the built-in one, if none is given) with random weights, and measures processor
time on one thread, kinds taking turns, so that other work on the machine hardly matters.
"""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from modules.model.loader import load_model
from modules.model.networks.additions import Additions
from modules.model.networks.controlnet import ControlNet, ControlNetConfig
from modules.model.networks.ip_adapter import IPAdapter, IPAdapterConfig, cross_attentions
from modules.model.networks.t2i_adapter import AdapterConfig, T2IAdapter
from modules.model.networks.unet import UNet
from modules.paths import Paths
from modules.pipeline.attachments.control_work import looking_aside, places_of

REPEATS = 15
SEEN, PATCHES = 1280, 257
TOKENS = 77


def main() -> None:
    """Print the table."""
    arguments = sys.argv[1:]
    built_in = Paths().checkpoints / "easel-mini.safetensors"
    model = load_model(Path(arguments[0]) if arguments else built_in)
    pixels = int(arguments[1]) if len(arguments) > 1 else model.native_size[0]
    repeats = int(arguments[2]) if len(arguments) > 2 else REPEATS
    torch.set_num_threads(1)
    unet, side = model.unet, pixels // model.downsample
    assert isinstance(unet, UNet), "only U-Nets are controlled"
    x = torch.randn(2, model.latent_channels, side, side)
    times, text = torch.full((2,), 500.0), torch.randn(2, TOKENS, unet.config.context_dim)
    width = unet.config.adm_in_channels
    told = times, text, None if width is None else torch.randn(2, width)
    net = ControlNet(ControlNetConfig(unet=replace(unet.config, in_channels=x.shape[1])))
    net.requires_grad_(False).eval()
    picture = torch.rand(1, 3, side * net.config.hint_scale, side * net.config.hint_scale)
    with torch.no_grad():
        hint = net.read_hint(picture)
        cases = {
            "U-Net alone": lambda: unet(x, *told),
            "ControlNet": lambda: net(x, hint, *told),
            "reading its map, once a pass": lambda: net.read_hint(picture),
            "U-Net with an IP-Adapter (plus)": with_ip_adapter(unet, x, told),
            "U-Net with feature maps": with_maps(unet, x, told, picture),
        }
        measured = measure(cases, repeats)
    first = measured["U-Net alone"]
    print(f"{model.name}, {pixels} x {pixels}, prompt and negative together, one thread")
    for name, seconds in measured.items():
        print(f"{name:34}{seconds * 1000:9.1f} ms{seconds / first:8.2f}")
    weights = [sum(p.numel() for p in one.parameters()) for one in (net, unet)]
    print(f"weights of the ControlNet: {weights[0] / weights[1]:.2f} of the U-Net's")


def measure(cases: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of processor time of each case."""
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            start = time.process_time()
            case()
            spent[name].append(time.process_time() - start)
    return {name: median(seconds) for name, seconds in spent.items()}


def with_ip_adapter(
    unet: UNet, x: Tensor, told: tuple[Tensor, Tensor, Tensor | None]
) -> Callable[[], object]:
    """One evaluation in which every cross-attention also sees sixteen tokens of a picture."""
    layers = cross_attentions(unet)
    config = IPAdapterConfig(
        projecting="plus",
        seen=SEEN,
        context=unet.config.context_dim,
        widths=tuple(layer.to_k.out_features for layer in layers),
        tokens=16,
        width=768,
        inner=768,
        depth=4,
        intermediate=3072,
    )
    adapter = IPAdapter(config).requires_grad_(False)
    pairs = adapter.keys_and_values(adapter.read_picture(torch.randn(2, PATCHES, SEEN)))
    factor = torch.ones(2, 1, 1)

    def evaluate() -> object:
        with ExitStack() as stack:
            for layer, pair in zip(layers, pairs, strict=True):
                stack.enter_context(looking_aside(layer, *pair, factor))
            return unet(x, *told)

    return evaluate


def with_maps(
    unet: UNet, x: Tensor, told: tuple[Tensor, Tensor, Tensor | None], picture: Tensor
) -> Callable[[], object]:
    """One evaluation with the feature maps of a T2I-Adapter, which are made once a pass."""
    widths = tuple(mult * unet.config.model_channels for mult in unet.config.channel_mult)
    config = AdapterConfig(widths=widths, halving=tuple(range(1, len(widths))))
    adapter = T2IAdapter(config).requires_grad_(False)
    scale = x.shape[2] * 8
    maps = adapter(nn.functional.interpolate(picture, size=(scale, scale)))
    added = Additions(inputs=dict(zip(places_of(unet.config, 8), maps, strict=True)))
    return lambda: unet(x, *told, added=added)


if __name__ == "__main__":
    main()
