"""Networks from weights: built without memory, then given their tensors."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.architecture import text_config_from
from modules.model.families.record import Family, TextTower
from modules.model.files import Weights
from modules.model.network_kinds import WORD_READERS, TextConfig
from modules.model.networks.packed_linear import PackedLinear
from modules.model.residency import CPU
from modules.model.text_layouts import tower_weights

Network = TypeVar("Network", bound=nn.Module)
Names = Mapping[str, str]
"""A network's parameter names to the names of the tensors in a file."""

BLOCK = 2**16
"""Numbers converted at once on the way from one type of 16 bits to the other."""
SCALE = "scale_weight"
"""One number that multiplies the weights of a layer, in files of eight bits."""


@dataclass(frozen=True)
class Parts:
    """The tensors of each network in a file."""

    unet: Names
    autoencoder: Names
    texts: tuple[Weights, ...]
    """One for each of the family's text encoders, under the names of `ClipText`."""


def parts_of(weights: Weights, family: Family) -> Parts:
    """Sort the tensors of a file by network. Second copies (`model_ema.`) belong to none.

    Raises ModelError when a whole network is missing.
    """
    parts = Parts(
        unet=below(weights, family.unet_prefix),
        autoencoder=below(weights, family.autoencoder_prefix),
        texts=tuple(tower_weights(weights, tower) for tower in family.text),
    )
    for names, title in (
        (parts.unet, "U-Net"),
        (parts.autoencoder, "autoencoder (VAE)"),
        *((names, "text encoder") for names in parts.texts),
    ):
        if not names:
            raise ModelError(
                f"{weights.name} holds no {title}.", "Get the full version of this model."
            )
    return parts


def below(weights: Weights, prefix: str) -> Names:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): name for name in weights if name.startswith(prefix)}


def text_config_of(weights: Weights, tower: TextTower) -> TextConfig:
    """The shape of a text encoder, from its tensors under the names of its network."""
    try:
        if tower.layout in WORD_READERS:
            return WORD_READERS[tower.layout](weights.shapes)
        config = text_config_from(weights.shapes)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{weights.name} holds only part of a text encoder.") from error
    if not tower.projected:
        config = replace(config, projection=None)
    elif tower.pooled and config.projection is None:
        raise ModelError(f"{weights.name} lacks the text projection of its text encoder.")
    return replace(config, activation="gelu" if tower.layout == "open_clip" else "quick_gelu")


def build(
    make: Callable[[], Network],
    weights: Weights,
    names: Names,
    device: torch.device = CPU,
    dtype: torch.dtype | None = None,
    *,
    packed: bool = False,
) -> Network:
    """The network that `make` makes, with the tensors `names` of the file, ready for inference.

    Without a `dtype` it stays in the file's own, and a large file is not even read. With `packed`,
    linear layers compute with packed weights as they are. Nothing is
    initialised at random and every tensor is held once. Tensors that the network does not know are
    left alone. Raises ModelError when one is missing or has another shape.
    """
    network = bare(make, weights.name)
    empty = tensors_of(network)
    compare({name: tuple(one.shape) for name, (_, _, one) in empty.items()}, weights, names)
    if packed:
        pack_layers(network, weights, names)
        empty = tensors_of(network)
    for name, (layer, key, like) in empty.items():
        if like.is_meta:
            tensor = read_as(weights, names[name], like.shape, device, dtype)
            asked = isinstance(like, nn.Parameter)
            setattr(layer, key, nn.Parameter(tensor, requires_grad=False) if asked else tensor)
    return network.requires_grad_(False).eval()


def bare(make: Callable[[], Network], file: str) -> Network:
    """The network that `make` makes, without memory. Raises ModelError, which names the `file`."""
    try:
        with torch.device("meta"):
            return make()
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise ModelError(f"{file} is described as a network that cannot exist: {error}.") from error


@contextmanager
def uncollected() -> Iterator[None]:
    """A block without collections of garbage: one takes as long as building a network."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def tensors_of(network: nn.Module) -> dict[str, tuple[nn.Module, str, Tensor]]:
    """Every tensor of a network by name: its layer, what it is called there, the tensor."""
    return {
        f"{prefix}.{key}" if prefix else key: (layer, key, tensor)
        for prefix, layer in network.named_modules()
        for key, tensor in chain(
            layer.named_parameters(recurse=False), layer.named_buffers(recurse=False)
        )
    }


def read_as(
    weights: Weights,
    name: str,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype | None,
) -> Tensor:
    """One tensor of the file. What was copied does not keep the file's pages in memory."""
    tensor = weights[name]
    if not tensor.is_floating_point():
        raise ModelError(f"{weights.name} holds {name} as {tensor.dtype}.")
    wanted = converted(tensor.reshape(shape), device, dtype)
    if wanted.data_ptr() != tensor.data_ptr():
        weights.entries[name].forget()
    return wanted


def converted(tensor: Tensor, device: torch.device, dtype: torch.dtype | None) -> Tensor:
    """`tensor` on a device in a type; itself if it is there already.

    Between the two types of 16 bits torch's CPU goes number by number; by way of float32, in blocks
    that stay in its cache, it is several times as fast.
    """
    halves = dtype == torch.bfloat16 and tensor.dtype == torch.float16
    if not halves or device.type != "cpu" or tensor.numel() <= BLOCK:
        return tensor.to(device, dtype)
    result = torch.empty(tensor.shape, dtype=dtype)
    for block, own in zip(tensor.flatten().split(BLOCK), result.view(-1).split(BLOCK), strict=True):
        own.copy_(block.float())
    return result


def pack_layers(network: nn.Module, weights: Weights, names: Names) -> None:
    """Put layers for packed weights where the file has them."""
    for name, layer in list(network.named_modules()):
        source = names.get(f"{name}.weight", "")
        unpack = weights.entries[source].packed if source else None
        if not isinstance(layer, nn.Linear) or unpack is None:
            continue
        scale = names.get(f"{name}.{SCALE}")
        made = PackedLinear(
            unpack(), layer.bias, weights[scale].reshape(()) if scale is not None else None
        )
        network.set_submodule(name, made)


def compare(wanted: Mapping[str, tuple[int, ...]], weights: Weights, names: Names) -> None:
    """Refuse weights that lack a tensor or have one of another shape."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ModelError(
            f"{weights.name} lacks {len(missing)} of {len(wanted)} tensors of a network, "
            f"for example {missing[0]}.",
            "Is it complete? A model of unusual shape needs its .yaml beside it.",
        )
    for name, shape in wanted.items():
        found = weights.entries[names[name]].shape
        if without_ones(found) != without_ones(shape):
            raise ModelError(
                f"{weights.name} has {names[name]} of shape {found}; {shape} was expected.",
                "A model of unusual shape needs its .yaml beside it, with the same name.",
            )


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without trailing ones: 1x1 convolutions are linear layers under another name."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
