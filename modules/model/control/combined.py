"""Networks for control that are kept as changes to the U-Net they go with."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.assemble import without_ones
from modules.model.diffusers_file import under_original_names
from modules.model.files import Entry, Weights
from modules.model.loader import Model, beside, open_model
from modules.paths import Paths

ENCODER = ("time_embed.", "label_emb.", "input_blocks.", "middle_block.")
"""The parts of a U-Net that a ControlNet has, too."""
FIRST_CONV = "input_blocks.0.0.weight"
UP, DOWN = ".up", ".down"


def with_base(changes: Weights, model: Model) -> Weights:
    """The whole network of a file that holds changes to the U-Net of `model`.

    A tensor beside the base's own is a difference from it, or, as two thin ones `.up` and `.down`
    (Hu et al. 2021, arXiv:2106.09685), a difference of low rank; of a file of thin ones, others
    replace the base's. What the file lacks is the base's. These are the tensors of the checkpoint's
    file, whatever networks the prompt applies; the result reads from it, and closes it. Raises
    ModelError where the shapes differ.
    """
    base = open_unet(model)
    try:
        return Weights(changes.name, _joined(changes, base), changes.metadata, base.close)
    except BaseException:
        base.close()
        raise


def _joined(changes: Weights, base: Weights) -> dict[str, Entry]:
    """The tensors of both; none is read."""
    entries = dict(changes.entries)
    thin = any(name.endswith(UP) for name in entries)
    for name, own in base.entries.items():
        stem = name.removesuffix(".weight")
        if name.endswith(".weight") and stem + UP in entries:
            up, down = entries.pop(stem + UP), entries.pop(stem + DOWN, None)
            if down is None:
                raise ModelError(f"{changes.name} holds {stem}{UP} without its other half.")
            shape = (up.shape[0], *down.shape[1:])
            if math.prod(shape) == math.prod(own.shape):
                shape = own.shape
            entries[name] = _sum(changes.name, name, own, shape, _product(up, down))
        elif name not in entries:
            entries[name] = own
        elif not thin:
            entries[name] = _sum(changes.name, name, own, entries[name].shape, entries[name].read)
    return entries


def open_unet(model: Model) -> Weights:
    """The way down of the U-Net in the checkpoint's file, by original names.

    Of the first convolution only what reads the latent: models that are also given a picture have
    more channels.
    """
    family = model.family
    weights = open_model(model.path)
    if not model.path.is_dir():
        description = beside(model.path) or Paths().configs / family.config
        weights = under_original_names(weights, family, description)
    start, channels = family.unet_prefix, model.latent_channels
    entries = {
        name.removeprefix(start): entry
        for name, entry in weights.entries.items()
        if name.startswith(tuple(start + part for part in ENCODER))
    }
    first = entries[FIRST_CONV]
    shape = (first.shape[0], channels, *first.shape[2:])
    entries[FIRST_CONV] = Entry(shape, lambda: first.read()[:, :channels])
    return Weights(weights.name, entries, weights.metadata, weights.close)


def _product(up: Entry, down: Entry) -> Callable[[], Tensor]:
    return lambda: up.read().flatten(1).float() @ down.read().flatten(1).float()


def _sum(
    file: str, name: str, base: Entry, shape: tuple[int, ...], change: Callable[[], Tensor]
) -> Entry:
    """The base's tensor with a change added, in the base's type but at least of 16 bits."""
    if without_ones(shape) != without_ones(base.shape):
        raise ModelError(
            f"{file} changes {name} of shape {shape}, but the checkpoint's has {base.shape}.",
            "Choose a network made for this checkpoint's family.",
        )

    def read() -> Tensor:
        own = base.read()
        total = own.float() + change().float().reshape(own.shape)
        return total.to(torch.promote_types(own.dtype, torch.float16))

    return Entry(base.shape, read)
