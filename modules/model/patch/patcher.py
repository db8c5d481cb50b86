"""Extra networks in a model's weights: a wanted state, reached from the exact original weights."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.loader import Model
from modules.model.networks.packed_linear import PackedLinear
from modules.model.patch.blocks import factor_for
from modules.model.patch.deltas import change_of
from modules.model.patch.hypernetwork import HypernetWish, HypernetworkFolder, Hypernetworks
from modules.model.patch.layer_names import Place, places
from modules.model.patch.network_files import NetworkFile, NetworkFolder
from modules.model.patch.report import NetworkReport, base_of_checkpoint
from modules.model.patch.side_branch import SideBranches, branch_of

log = logging.getLogger(__name__)

CHANGING = (("changing",),)
"""No wish is equal to this: if applying one breaks off, the next starts from the originals."""


class Wish(Protocol):
    """A network to apply: the name from the prompt, its multipliers, and limits."""

    @property
    def name(self) -> str:
        """File name without suffix, or alias."""
        ...

    @property
    def te(self) -> float:
        """For the text encoders."""
        ...

    @property
    def unet(self) -> float:
        """For the U-Net."""
        ...

    @property
    def dyn(self) -> int | None:
        """Only so many ranks count; None is all."""
        ...

    @property
    def blocks(self) -> tuple[float, ...]:
        """A factor for each block, as `modules.model.patch.blocks` numbers them; empty is all 1."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """A wish with the file it means, and how much of that fits the model."""

    wish: Wish
    file: NetworkFile
    report: NetworkReport

    @property
    def key(self) -> tuple[object, ...]:
        """What makes a difference to the weights."""
        wish = self.wish
        return (self.file.path, self.file.stamp, wish.te, wish.unet, wish.dyn, wish.blocks)


class Patcher:
    """Changes the weights of one model, and knows which networks are in them.

    Originals of changed weights are kept on the CPU; every change starts from them, so no request
    depends on the one before it.
    """

    def __init__(
        self, model: Model, folder: NetworkFolder, hypernetworks: HypernetworkFolder | None = None
    ) -> None:
        self.model, self.folder = model, folder
        self.hypernetworks = Hypernetworks(model.unet, hypernetworks)
        self.key: tuple[tuple[object, ...], ...] = ()
        """What is applied at present, for caches of what the text encoder said."""
        self.hashes: dict[str, str] = {}
        """Hashes of the networks applied, by the names they were asked for."""
        self.bundled: dict[str, dict[str, Tensor]] = {}
        """Embeddings in the files of the networks applied: vectors by name and text encoder."""
        self._networks = {"unet": model.unet} | {
            f"te{number}": network for number, network in enumerate(text_encoders(model), 1)
        }
        self._layers: dict[str, Place] | None = None
        self._base = ""
        self._reports: dict[tuple[object, ...], NetworkReport] = {}
        self._originals: dict[nn.Parameter, Tensor] = {}
        self._branches = SideBranches()

    def ensure(self, wishes: Sequence[Wish], hypernets: Sequence[HypernetWish] = ()) -> list[str]:
        """Apply exactly these, in order; returns what a person should know of each network.

        A network that is not there is left out with a notice. Raises ModelError for one that
        cannot be read or of which nothing fits the model; then the weights are as they were.
        """
        found, notices = self._find(wishes)
        notices += self.hypernetworks.ensure(hypernets)
        key = tuple(one.key for one in found)
        self.hashes = {one.wish.name: one.file.hash for one in found}
        self.bundled = {
            name: parts for one in reversed(found) for name, parts in one.file.bundled.items()
        }
        if key != self.key:
            self.model.policy.before_changes()
            self._restore()
            self.key = CHANGING
            for one in found:
                notices += self._apply(one)
            self.key = key
            self.folder.forget({one.file.path for one in found})
        return list(dict.fromkeys(notices))

    def check(self, wishes: Iterable[Wish]) -> None:
        """Raise ModelError as `ensure` would, without changing anything."""
        self._find(wishes)

    def _find(self, wishes: Iterable[Wish]) -> tuple[list[Found], list[str]]:
        found: list[Found] = []
        notices: list[str] = []
        for wish in wishes:
            path = self.folder.find(wish.name)
            if path is None:
                notices.append(f"Lora not found: {wish.name}")
                continue
            try:
                file = self.folder.read(path)
            except ModelError as error:
                raise ModelError(
                    f"Lora {wish.name} cannot be used: {error.message}", error.hint
                ) from error
            except OSError as error:
                raise ModelError(
                    f"Lora {wish.name} cannot be read: {error.strerror or error}."
                ) from error
            report = self.report(wish.name, file)
            if report.is_useless:
                raise useless(report, self.model.name)
            if report.sentence():
                notices.append(report.sentence())
            found.append(Found(wish, file, report))
        return found, notices

    def report(self, name: str, file: NetworkFile) -> NetworkReport:
        """How much of a file fits the model; `name` is what it was asked for by."""
        key = (name, file.path, file.stamp)
        if key not in self._reports:
            report = file.report(name, self.layers, self._base)
            log.info(
                "Lora %s (%s): %d of %d tensors fit, ignored %s, dead %s",
                name,
                file.path.name,
                report.matched,
                report.keys,
                dict(report.ignored),
                dict(report.dead),
            )
            self._reports[key] = report
        return self._reports[key]

    @property
    def layers(self) -> dict[str, Place]:
        """Every weight of the model, under all names that files have for it."""
        if self._layers is None:
            shapes = {name: shapes_of(network) for name, network in self._networks.items()}
            unet = shapes.pop("unet")
            self._layers = places(unet, list(shapes.values()))
            self._base = base_of_checkpoint(unet)
        return self._layers

    @torch.no_grad()
    def _restore(self) -> None:
        self._branches.clear()
        for parameter, original in self._originals.items():
            parameter.copy_(original)
        self._originals.clear()

    @torch.no_grad()
    def _apply(self, one: Found) -> list[str]:
        """Add a network to the weights; returns a notice if a layer resists."""
        wish, misfits = one.wish, 0
        for name in one.report.layers:
            place = self.layers[name]
            factor = factor_for(place, wish.blocks)
            multiplier = (wish.te if place.is_text else wish.unet) * factor
            if not factor:
                continue
            try:
                self._change(place, one.file.groups[name], multiplier, wish.dyn)
            except (KeyError, RuntimeError, ValueError) as error:
                log.warning("%s: %s cannot be applied: %s", one.file.path.name, name, error)
                misfits += 1
        if misfits:
            return [f"Lora {wish.name}: {misfits} layers cannot be applied and are left out."]
        return []

    def _change(
        self, place: Place, group: dict[str, Tensor], multiplier: float, ranks: int | None
    ) -> None:
        rows = slice(*place.rows) if place.rows else slice(None)
        layer = self._networks[place.network].get_submodule(place.weight.rpartition(".")[0])
        if isinstance(layer, PackedLinear):
            branch = branch_of(layer, group, multiplier, ranks, rows)
            return self._branches.add(layer, branch, rows)
        weight = self._parameter(place, place.weight)
        part = weight[rows]
        change = change_of(group, narrowed(part, group), ranks)
        if change.weight is not None:
            self._add(weight, rows, widened(change.weight * multiplier, part))
        if change.bias is not None and place.bias:
            self._add(self._parameter(place, place.bias), rows, change.bias * multiplier)

    def _parameter(self, place: Place, name: str) -> nn.Parameter:
        return self._networks[place.network].get_parameter(name)

    def _add(self, parameter: nn.Parameter, rows: slice, delta: Tensor) -> None:
        if parameter not in self._originals:
            self._originals[parameter] = parameter.detach().to("cpu", copy=True)
        part = parameter[rows]
        part.copy_((part.to(delta.dtype) + delta).to(part.dtype))


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's parameters by name, those of packed weights unpacked."""
    shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
    for name, layer in network.named_modules():
        if isinstance(layer, PackedLinear):
            shapes[f"{name}.weight"] = tuple(layer.shape)
    return shapes


def text_encoders(model: Model) -> tuple[nn.Module, ...]:
    """The text encoders of a model, in the order in which files number them."""
    return tuple(model.text_encoders.values())


def useless(report: NetworkReport, model: str) -> ModelError:
    """The error for a network of which nothing takes part."""
    made_for = f" It was made for {report.base}." if report.base else ""
    reasons = "; ".join(f"{reason}: {count}" for reason, count in report.ignored.items())
    return ModelError(
        f"Lora {report.name} has nothing that fits {model}: {reasons}.{made_for}",
        "Take it out of the prompt, or choose a model of the family it was made for.",
    )


def narrowed(weight: Tensor, group: dict[str, Tensor]) -> Tensor:
    """The part of a weight that a network for text-to-image knows.

    Inpainting models have five more input channels, which come last.
    """
    down = group.get("lora_down.weight")
    if down is not None and down.dim() == 4 == weight.dim() and "lora_mid.weight" not in group:
        return weight[:, : down.shape[1]]
    return weight


def widened(delta: Tensor, weight: Tensor) -> Tensor:
    """Zeros for the input channels that the network does not know."""
    if delta.shape == weight.shape:
        return delta
    wide = torch.zeros_like(weight, dtype=delta.dtype)
    wide[:, : delta.shape[1]] = delta
    return wide
