"""Pictures whose edges fit each other: convolutions that look around the border."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from modules.model.loader import Model


@contextmanager
def tiled(model: Model, wanted: bool) -> Iterator[None]:
    """While open, the model's convolutions pad circularly, on both axes, if `wanted`.

    As A1111 does it: every convolution of all networks. Those of the encoder that halve a picture
    are padded with zeros beforehand and stay so, hence have nothing to pad themselves.
    """
    changed = [layer for layer in _convolutions(model) if layer.padding_mode == "zeros"]
    if not wanted:
        changed = []
    for layer in changed:
        layer.padding_mode = "circular"
    try:
        yield
    finally:
        for layer in changed:
            layer.padding_mode = "zeros"


def _convolutions(model: Model) -> Iterator[nn.Conv2d]:
    for network in (model.unet, model.autoencoder, model.text_encoder):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                yield layer
