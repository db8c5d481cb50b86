"""Networks for control that are kept as changes to the U-Net they go with."""

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
UP, DOWN = ".up", ".down"


def with_base(changes: Weights, model: Model) -> Weights:
    """The whole network of a file that holds changes to the U-Net of `model`.

    A tensor beside the base's own is a difference from it, or, as two thin ones `.up` and `.down`
    (Hu et al. 2021, arXiv:2106.09685), a difference of low rank; of a file of thin ones, others
    replace the base's. What the file lacks is the base's. These are the tensors of the checkpoint's
    file, whatever networks the prompt applies.
    """
    base = unet_tensors(model)
    thin = any(name.endswith(UP) for name in changes)
    entries = dict(changes.entries)
    for name, own in base.items():
        if not name.startswith(ENCODER):
            continue
        stem = name.removesuffix(".weight")
        if name.endswith(".weight") and stem + UP in entries:
            up, down = entries.pop(stem + UP), entries.pop(stem + DOWN, None)
            if down is None:
                raise ModelError(f"{changes.name} holds {stem}{UP} without its other half.")
            entries[name] = _sum(changes.name, name, own, own.shape, _product(up, down, own.shape))
        elif name not in entries:
            entries[name] = own
        elif not thin:
            entries[name] = _sum(changes.name, name, own, entries[name].shape, entries[name].read)
    return Weights(changes.name, entries, changes.metadata)


def unet_tensors(model: Model) -> dict[str, Entry]:
    """The tensors of the U-Net in the checkpoint's file, by their original names."""
    family = model.family
    weights = open_model(model.path)
    if not model.path.is_dir():
        description = beside(model.path) or Paths().configs / family.config
        weights = under_original_names(weights, family, description)
    start = family.unet_prefix
    return {
        name.removeprefix(start): entry
        for name, entry in weights.entries.items()
        if name.startswith(start)
    }


def _product(up: Entry, down: Entry, shape: tuple[int, ...]) -> Callable[[], Tensor]:
    return lambda: (up.read().flatten(1).float() @ down.read().flatten(1).float()).reshape(shape)


def _sum(
    file: str, name: str, base: Entry, shape: tuple[int, ...], change: Callable[[], Tensor]
) -> Entry:
    """The base's tensor with a change added, in the base's type."""
    if without_ones(shape) != without_ones(base.shape):
        raise ModelError(
            f"{file} changes {name} of shape {shape}, but the checkpoint's has {base.shape}.",
            "Choose a network made for this checkpoint's family.",
        )

    def read() -> Tensor:
        own = base.read()
        return (own.float() + change().float().reshape(own.shape)).to(
            torch.promote_types(own.dtype, torch.float16)
        )

    return Entry(base.shape, read)
