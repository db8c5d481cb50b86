"""Hypernetworks: small perceptrons that change what attention reads.

For each width a file has a pair, one for the keys and one for the values of every attention whose
context has that width: f(c) = c + MLP(c) * multiplier. Several are applied one after the other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modules.errors import ModelError
from modules.model.files import read_pickled
from modules.model.folder import files_below
from modules.model.networks.unet import CrossAttention
from modules.model.pickled import PickledTensor, open_legacy, open_zip

SUFFIXES = (".pt", ".ckpt")
OLD_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}
"""Names of the two layers in files of 2022."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "leakyrelu": F.leaky_relu,
    "elu": F.elu,
    "swish": F.hardswish,
    "hardswish": F.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "celu": F.celu,
    "gelu": F.gelu,
    "hardshrink": F.hardshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardtanh": F.hardtanh,
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
    "relu6": F.relu6,
    "rrelu": lambda x: F.rrelu(x, training=False),
    "selu": F.selu,
    "silu": F.silu,
    "softplus": F.softplus,
    "softshrink": F.softshrink,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "softmax": lambda x: F.softmax(x, dim=-1),
    "softmin": lambda x: F.softmin(x, dim=-1),
    "logsoftmax": lambda x: F.log_softmax(x, dim=-1),
}
"""Every activation a file may name."""


class HypernetWish(Protocol):
    """A hypernetwork to apply."""

    @property
    def name(self) -> str:
        """File name without suffix."""
        ...

    @property
    def multiplier(self) -> float:
        """How strongly."""
        ...


@dataclass(frozen=True, eq=False)
class Layer:
    """One linear layer, and what follows it before the next."""

    weight: Tensor
    bias: Tensor
    activation: str
    """Empty for none."""
    norm: tuple[Tensor, Tensor] | None = None
    """Weight and bias of a layer normalisation behind the activation."""

    def __call__(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        x = F.linear(x, self.weight.to(x), self.bias.to(x))
        x = ACTIVATIONS[self.activation](x) if self.activation else x
        if self.norm is not None:
            weight, bias = self.norm
            x = F.layer_norm(x, weight.shape, weight.to(x), bias.to(x))
        return x


@dataclass(frozen=True, eq=False)
class Perceptron:
    """The layers for the keys or for the values of one width."""

    layers: tuple[Layer, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """(..., width) to the same shape."""
        for layer in self.layers:
            x = layer(x)
        return x


@dataclass(frozen=True, eq=False)
class Hypernetwork:
    """A file: for each width of a context, the perceptrons for keys and values."""

    name: str
    pairs: Mapping[int, tuple[Perceptron, Perceptron]]


def read_hypernetwork(path: Path) -> Hypernetwork:
    """Read a hypernetwork; nothing in the file is run. Raises ModelError."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
        if head != b"PK" and head[:1] != b"\x80":
            raise ModelError(f"{path.name} is not a hypernetwork: it is no PyTorch file.")
        opened = open_zip(path) if head == b"PK" else open_legacy(path)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    try:
        table = opened.content

        def materialise(state: Mapping[str, Any]) -> dict[str, Tensor]:
            return {
                key: read_pickled(opened, value).float()
                for key, value in state.items()
                if isinstance(value, PickledTensor)
            }

        if not isinstance(table, dict):
            raise ModelError(f"{path.name} is not a hypernetwork: it holds no table.")
        activation = _activation(table.get("activation_func"), path.name)
        pairs = {}
        for width, pair in table.items():
            if type(width) is int and isinstance(pair, tuple | list) and len(pair) == 2:
                keys, values = (
                    _perceptron(materialise(state), width, activation, table, path.name)
                    for state in pair
                )
                pairs[width] = (keys, values)
    finally:
        opened.close()
    if not pairs:
        raise ModelError(
            f"{path.name} is not a hypernetwork: it has no layers for any width.",
            "Is it an embedding or a LoRA in the wrong folder?",
        )
    return Hypernetwork(path.stem, pairs)


def _activation(name: Any, file: str) -> str:
    wanted = "linear" if name is None else str(name).lower()
    if wanted not in ACTIVATIONS:
        raise ModelError(
            f"{file} uses the activation '{name!s:.40}', which is not known here.",
            f"Known: {', '.join(ACTIVATIONS)}.",
        )
    return wanted


def _perceptron(
    state: dict[str, Tensor], width: int, activation: str, table: Mapping[Any, Any], file: str
) -> Perceptron:
    """Put the layers in order, by the numbers in names; activations and dropout have no tensors."""
    named = {_new_name(key): value for key, value in state.items()}
    numbers = sorted({int(found[1]) for key in named if (found := re.search(r"\.(\d+)\.", key))})
    tensors = [
        (named.get(f"linear.{number}.weight"), named.get(f"linear.{number}.bias"))
        for number in numbers
    ]
    linear = [
        (weight, bias) for weight, bias in tensors if weight is not None and weight.dim() == 2
    ]
    layers: list[Layer] = []
    for weight, bias in tensors:
        if weight is None or bias is None:
            raise ModelError(f"{file} is damaged: a layer for width {width} lacks a tensor.")
        if weight.dim() == 2:
            last = len(layers) == len(linear) - 1
            silent = activation == "linear" or (last and table.get("activate_output") is False)
            layers.append(Layer(weight, bias, "" if silent else activation))
        elif layers:
            before = layers.pop()
            layers.append(Layer(before.weight, before.bias, before.activation, (weight, bias)))
    expected = width
    for layer in layers:
        if layer.weight.shape[1] != expected or layer.bias.shape != layer.weight.shape[:1]:
            raise ModelError(
                f"{file} is damaged: its layers for width {width} do not fit together."
            )
        expected = layer.weight.shape[0]
    if not layers or expected != width:
        raise ModelError(f"{file} is damaged: its layers for width {width} end with {expected}.")
    return Perceptron(tuple(layers))


def _new_name(key: str) -> str:
    head, _, rest = key.partition(".")
    return f"{OLD_NAMES[head]}.{rest}" if head in OLD_NAMES else key


class HypernetworkFolder:
    """The hypernetworks below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> Path | None:
        """The file that `name` means."""
        return next((one for one in files_below(self.folder, SUFFIXES) if one.stem == name), None)


class Hypernetworks:
    """Puts hypernetworks before the keys and values of a U-Net, and takes them away again."""

    def __init__(self, unet: nn.Module, folder: HypernetworkFolder | None) -> None:
        self._unet, self._folder = unet, folder
        self._key: tuple[tuple[object, ...], ...] = ()
        self._hooks: list[RemovableHandle] = []

    def ensure(self, wishes: Sequence[HypernetWish]) -> list[str]:
        """Apply exactly `wishes`, in order; returns a notice for each that is not there.

        Raises ModelError.
        """
        found: list[tuple[Path, HypernetWish]] = []
        notices = []
        for wish in wishes:
            path = self._folder.find(wish.name) if self._folder else None
            if path is None:
                notices.append(f"Hypernetwork not found: {wish.name}")
            else:
                found.append((path, wish))
        key = tuple((path, path.stat().st_mtime_ns, wish.multiplier) for path, wish in found)
        if key != self._key:
            applied = [(read_hypernetwork(path), wish.multiplier) for path, wish in found]
            self._check(applied)
            self._put(applied)
            self._key = key
        return notices

    def _check(self, applied: Sequence[tuple[Hypernetwork, float]]) -> None:
        """Raise ModelError for a hypernetwork without a pair for any width of the U-Net."""
        widths = {
            linear.in_features for one in self._attentions() for linear in (one.to_k, one.to_v)
        }
        for network, _ in applied:
            if not widths & set(network.pairs):
                known = ", ".join(map(str, sorted(network.pairs)))
                raise ModelError(
                    f"Hypernetwork {network.name} has nothing that fits this model: it is for "
                    f"widths {known}.",
                    "Take it out of the prompt, or choose a model of the family it was made for.",
                )

    def _attentions(self) -> list[CrossAttention]:
        return [one for one in self._unet.modules() if isinstance(one, CrossAttention)]

    def _put(self, applied: Sequence[tuple[Hypernetwork, float]]) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        for one in self._attentions() if applied else ():
            for place, linear in enumerate((one.to_k, one.to_v)):
                chain = [
                    (network.pairs[linear.in_features][place], multiplier)
                    for network, multiplier in applied
                    if linear.in_features in network.pairs
                ]
                if chain:
                    self._hooks.append(linear.register_forward_pre_hook(_before(chain)))


def _before(
    chain: Sequence[tuple[Perceptron, float]],
) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A hook that sends a layer's input through `chain` first."""

    def changed(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        context = inputs[0]
        for perceptron, multiplier in chain:
            context = context + perceptron(context) * multiplier
        return (context, *inputs[1:])

    return changed
