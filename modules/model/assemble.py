"""Networks from weights: built without memory, then given their tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from modules.errors import ModelError
from modules.model.architecture import text_config_from
from modules.model.families.record import Family
from modules.model.files import Weights
from modules.model.networks.clip_text import ClipTextConfig

Network = TypeVar("Network", bound=nn.Module)
Names = Mapping[str, str]
"""A network's parameter names to the names of the tensors in a file."""


@dataclass(frozen=True)
class Parts:
    """The tensors of each network in a file."""

    unet: Names
    autoencoder: Names
    text_encoder: Names


def parts_of(weights: Weights, family: Family) -> Parts:
    """Sort the tensors of a file by network. Second copies (`model_ema.`) belong to none.

    Raises ModelError when a whole network is missing.
    """
    text = below(weights, family.text_prefix)
    if text and not any(name.startswith("text_model.") for name in text):
        text = {f"text_model.{name}": source for name, source in text.items()}  # before 2022
    parts = Parts(
        unet=below(weights, family.unet_prefix),
        autoencoder=below(weights, family.autoencoder_prefix),
        text_encoder=text,
    )
    for names, title in (
        (parts.unet, "U-Net"),
        (parts.autoencoder, "autoencoder (VAE)"),
        (parts.text_encoder, "text encoder"),
    ):
        if not names:
            raise ModelError(
                f"{weights.name} holds no {title}.", "Get the full version of this model."
            )
    return parts


def below(weights: Weights, prefix: str) -> Names:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): name for name in weights if name.startswith(prefix)}


def text_config_of(weights: Weights, names: Names) -> ClipTextConfig:
    """The sizes of the text encoder in a file."""
    shapes = {name: weights.entries[source].shape for name, source in names.items()}
    try:
        return text_config_from(shapes)
    except (KeyError, IndexError) as error:
        raise ModelError(f"{weights.name} holds only part of a text encoder.") from error


def build(
    make: Callable[[], Network],
    weights: Weights,
    names: Names,
    device: torch.device,
    dtype: torch.dtype,
) -> Network:
    """The network that `make` makes, with the tensors `names` of the file, ready for inference.

    Nothing is initialised at random and every tensor is held once. Tensors that the network does
    not know are left alone. Raises ModelError when one is missing or has another shape.
    """
    try:
        with torch.device("meta"):
            network = make()
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise ModelError(
            f"{weights.name} is described as a network that cannot exist: {error}."
        ) from error
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    compare(wanted, weights, names)
    tensors = {}
    for name, shape in wanted.items():
        tensor = weights[names[name]]
        if not tensor.is_floating_point():
            raise ModelError(f"{weights.name} holds {names[name]} as {tensor.dtype}.")
        tensors[name] = tensor.reshape(shape).to(device, dtype)
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(False).eval()


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
