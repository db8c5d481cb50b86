"""Extra networks in a model's weights: a wanted state, reached from the exact original weights."""

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.diffusers_folder import unet_names_for
from modules.model.loader import Model
from modules.model.patch.deltas import change_of
from modules.model.patch.network_files import NetworkFile, NetworkFolder

log = logging.getLogger(__name__)

UNET, TEXT = "lora_unet_", "lora_te_"
"""How the names of layers begin in files, for the two networks that can be changed."""

CHANGING = (("changing",),)
"""No wish is equal to this: if applying one breaks off, the next starts from the originals."""


class Wish(Protocol):
    """A network to apply: the name from the prompt, its multipliers, and a limit on its rank."""

    @property
    def name(self) -> str:
        """File name without suffix, or alias."""
        ...

    @property
    def te(self) -> float:
        """For the text encoder."""
        ...

    @property
    def unet(self) -> float:
        """For the U-Net."""
        ...

    @property
    def dyn(self) -> int | None:
        """Only so many ranks count; None is all."""
        ...


class Patcher:
    """Changes the weights of one model, and knows which networks are in them.

    Originals of changed weights are kept on the CPU; every change starts from them, so no request
    depends on the one before it.
    """

    def __init__(self, model: Model, folder: NetworkFolder) -> None:
        self.model, self.folder = model, folder
        self.key: tuple[tuple[object, ...], ...] = ()
        """What is applied at present, for caches of what the text encoder said."""
        self.hashes: dict[str, str] = {}
        """Hashes of the networks applied, by the names they were asked for."""
        self._layers: dict[str, nn.Module] | None = None
        self._originals: dict[nn.Parameter, Tensor] = {}

    def ensure(self, wishes: Sequence[Wish]) -> list[str]:
        """Apply exactly `wishes`, in order; returns a notice for each network that is left out."""
        files: list[tuple[Wish, NetworkFile]] = []
        notices: list[str] = []
        for wish in wishes:
            try:
                path = self.folder.find(wish.name)
                if path is None:
                    notices.append(f"Lora not found: {wish.name}")
                else:
                    files.append((wish, self.folder.read(path)))
            except (ModelError, OSError) as error:
                notices.append(f"Lora {wish.name} is left out: {error}")
        key = tuple((file.path, file.stamp, wish.te, wish.unet, wish.dyn) for wish, file in files)
        self.hashes = {wish.name: file.hash for wish, file in files}
        if key != self.key:
            self._restore()
            self.key = CHANGING
            for wish, file in files:
                notices += self._apply(file, wish)
            self.key = key
            self.folder.forget({file.path for _, file in files})
        return list(dict.fromkeys(notices))

    @torch.no_grad()
    def _restore(self) -> None:
        for parameter, original in self._originals.items():
            parameter.copy_(original)
        self._originals.clear()

    @torch.no_grad()
    def _apply(self, file: NetworkFile, wish: Wish) -> list[str]:
        layers = self._known_layers()
        unknown = [name for name in file.groups if name not in layers]
        if unknown:
            log.info("%s: %d layers are not in this model", file.path.name, len(unknown))
        if len(unknown) == len(file.groups):
            return [f"Lora {wish.name} has no layer that fits this model."]
        misfits = 0
        for name, group in file.groups.items():
            if name not in layers:
                continue
            multiplier = wish.te if name.startswith(TEXT) else wish.unet
            try:
                self._change(layers[name], group, multiplier, wish.dyn)
            except (KeyError, RuntimeError, ValueError) as error:
                log.warning("%s: %s cannot be applied: %s", file.path.name, name, error)
                misfits += 1
        if misfits:
            return [f"Lora {wish.name}: {misfits} layers do not fit this model and are left out."]
        return []

    def _change(
        self, layer: nn.Module, group: dict[str, Tensor], multiplier: float, ranks: int | None
    ) -> None:
        weight = layer.weight
        assert isinstance(weight, nn.Parameter)
        change = change_of(group, self._narrowed(weight, group), ranks)
        if change.weight is not None:
            self._add(weight, _widened(change.weight * multiplier, weight))
        bias = layer.bias
        if change.bias is not None and isinstance(bias, nn.Parameter):
            self._add(bias, change.bias * multiplier)

    def _narrowed(self, weight: Tensor, group: dict[str, Tensor]) -> Tensor:
        """The part of a weight that a network for text-to-image knows.

        Inpainting models have five more input channels, which come last.
        """
        down = group.get("lora_down.weight")
        if down is not None and down.dim() == 4 == weight.dim() and "lora_mid.weight" not in group:
            return weight[:, : down.shape[1]]
        return weight

    def _add(self, parameter: nn.Parameter, delta: Tensor) -> None:
        if parameter not in self._originals:
            self._originals[parameter] = parameter.detach().to("cpu", copy=True)
        parameter.copy_((parameter.to(delta.dtype) + delta).to(parameter.dtype))

    def _known_layers(self) -> dict[str, nn.Module]:
        """Every layer with a weight, under all names that files have for it."""
        if self._layers is None:
            self._layers = dict(_named_layers(self.model))
        return self._layers


def _named_layers(model: Model) -> Iterator[tuple[str, nn.Module]]:
    theirs = {ours: name for name, ours in unet_names_for(model.unet.config).items()}
    for name, layer in _weighted(model.unet):
        yield UNET + name.replace(".", "_"), layer
        head = name
        while head and head not in theirs:
            head = head.rpartition(".")[0]
        if head:
            yield UNET + (theirs[head] + name.removeprefix(head)).replace(".", "_"), layer
    for name, layer in _weighted(model.text_encoder):
        yield TEXT + name.replace(".", "_"), layer


def _weighted(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, layer in network.named_modules():
        if isinstance(getattr(layer, "weight", None), nn.Parameter):
            yield name, layer


def _widened(delta: Tensor, weight: Tensor) -> Tensor:
    """Zeros for the input channels that the network does not know."""
    if delta.shape == weight.shape:
        return delta
    wide = torch.zeros_like(weight, dtype=delta.dtype)
    wide[:, : delta.shape[1]] = delta
    return wide
