"""A file of a network for control to the network, made to work beside a model's own."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import nn

from modules.errors import ModelError
from modules.log import timed
from modules.model.assemble import Names, build
from modules.model.control.combined import with_base
from modules.model.control.kinds import DIFFERENCE, LORA_MARK, THEIR_HINT, Kind, control_kind
from modules.model.control.names import (
    inner_names,
    numbers,
    original_adapter_name,
    original_control_modules,
    original_light_name,
)
from modules.model.control.shapes import BROKEN, check_context, check_fits, controlnet_config
from modules.model.families.diffusers_names import original_name
from modules.model.files import Weights, read_weights
from modules.model.folder_files import read_json, weight_files
from modules.model.loader import Model
from modules.model.networks.controlnet import ControlNet
from modules.model.networks.controlnet_union import ControlNetUnion
from modules.model.networks.ip_adapter import IPAdapter, IPAdapterConfig, cross_attentions
from modules.model.networks.t2i_adapter import AdapterConfig, T2IAdapter
from modules.model.networks.t2i_style import StyleAdapter, StyleConfig
from modules.model.networks.unet import UNet

log = logging.getLogger(__name__)

POOLED = "shuffle"
"""In the names of ControlNets whose outputs are averaged over the picture before they are added."""
UNION_MARK = "task_embedding"
"""A tensor in ControlNets for many kinds of maps."""
SPARE = ("image_proj.norm_in.",)

Network = TypeVar("Network", bound=nn.Module)
ControlKind = ControlNet | T2IAdapter | StyleAdapter | IPAdapter


@dataclass(frozen=True, kw_only=True)
class Control:
    """A loaded network for control, at home."""

    name: str
    network: ControlKind
    pooled: bool = False
    """Whether its outputs are averaged over the picture, and only told to the prompt's side."""

    @property
    def numbers(self) -> int:
        """How many numbers its weights are."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def load_control(path: Path, model: Model) -> Control:
    """The network at `path` (a file, or a folder of diffusers), to work beside that of `model`.

    Raises ModelError if it is none, is damaged, or was made for another family.
    """
    unet = check_controllable(model)
    with timed(log, f"Loading {path.name}"), open_control(path) as weights:
        kind = control_kind(weights.shapes, path.name)
        network = LOADERS[kind](weights, unet, model)
    return Control(name=path.stem, network=network, pooled=is_pooled(path))


def check_controllable(model: Model) -> UNet:
    """The network of a model that can be controlled. Raises ModelError for others."""
    if isinstance(model.unet, UNet):
        return model.unet
    raise ModelError(
        f"Units of control work with Stable Diffusion 1, 2 and XL; {model.name} is "
        f"{model.family.title}.",
        "Switch the units off, or choose another checkpoint.",
    )


def open_control(path: Path) -> Weights:
    """The weights at `path`. Raises ModelError."""
    if path.is_file():
        return read_weights(path)
    files = weight_files(path)
    if len(files) > 1:
        raise ModelError(f"{path.name} is in {len(files)} parts.", "Get it as a single file.")
    return read_weights(files[0])


def is_pooled(path: Path) -> bool:
    """Whether the outputs of the network at `path` are averaged: told by its config or name."""
    config = path / "config.json"
    if path.is_dir() and config.is_file():
        return bool(read_json(config).get("global_pool_conditions", False))
    return POOLED in path.stem.lower()


def renamed(weights: Weights, names: Names) -> Weights:
    """The tensors of a file under other names; closing stays with the file."""
    entries = {name: weights.entries[source] for name, source in names.items()}
    return Weights(weights.name, entries, weights.metadata)


def _controlnet(weights: Weights, unet: UNet, model: Model) -> ControlNet:
    """A ControlNet in the original layout or diffusers', whole or as differences."""
    names = inner_names(weights)
    if THEIR_HINT in names:
        modules = original_control_modules(names)
        found = {original_name(name, modules) or name: source for name, source in names.items()}
        names = found
    own = renamed(weights, names)
    if DIFFERENCE in weights or LORA_MARK in weights:
        own = with_base(own, model)
    with own:
        config = controlnet_config(own.shapes, unet.config, weights.name)
        check_fits(config, unet.config, weights.name, model.name)
        if UNION_MARK in own:
            kinds = own.shapes[UNION_MARK][0]
            layers = len(numbers(own, r"transformer_layes\.(\d+)\."))
            return checked(lambda: ControlNetUnion(config, kinds, layers), own)
        return checked(lambda: ControlNet(config), own)


def _adapter(weights: Weights, unet: UNet, model: Model, *, light: bool) -> T2IAdapter:
    """A T2I-Adapter, full or light, in either layout."""
    theirs = any(".resnets." in name for name in weights)
    rename: Callable[[str], str] = original_light_name if light else original_adapter_name
    own = renamed(weights, {rename(name) if theirs else name: name for name in weights})
    try:
        config = AdapterConfig.from_shapes(own.shapes, light=light)
    except BROKEN as error:
        raise partial_file(weights, "a T2I-Adapter", error) from error
    wanted = tuple(mult * unet.config.model_channels for mult in unet.config.channel_mult)
    fits = config.widths[: len(wanted)] == wanted
    if not fits or (config.cell == 8) != (len(config.widths) == len(wanted)):
        raise ModelError(
            f"{weights.name} makes feature maps of {config.widths} channels in cells of "
            f"{config.cell} pixels; the network of {model.name} has levels of {wanted} channels.",
            "Choose an adapter made for this checkpoint's family.",
        )
    return checked(lambda: T2IAdapter(config), own)


def _style(weights: Weights, unet: UNet, model: Model) -> StyleAdapter:
    """A T2I-Adapter that makes tokens of a picture's patches."""
    try:
        config = StyleConfig.from_shapes(weights.shapes)
    except BROKEN as error:
        raise partial_file(weights, "a T2I-Adapter for styles", error) from error
    check_context(config.context, unet.config, weights.name, model.name)
    return checked(lambda: StyleAdapter(config), weights)


def _ip_adapter(weights: Weights, unet: UNet, model: Model) -> IPAdapter:
    """An IP-Adapter."""
    if "image_proj.norm.weight" in weights and "image_proj.proj.0.weight" in weights:
        raise ModelError(
            f"{weights.name} is told faces by another network (FaceID), which is not known here.",
            "Use an IP-Adapter that looks at the picture, such as plus-face.",
        )
    names = {name: name for name in weights if name.startswith(("ip_adapter.", "image_proj."))}
    own = renamed(weights, names)
    try:
        config = IPAdapterConfig.from_shapes(own.shapes)
    except BROKEN as error:
        raise partial_file(weights, "an IP-Adapter", error) from error
    check_context(config.context, unet.config, weights.name, model.name)
    wanted = tuple(layer.to_k.out_features for layer in cross_attentions(unet))
    if config.widths != wanted:
        raise ModelError(
            f"{weights.name} has {len(config.widths)} attentions, of other sizes than the "
            f"{len(wanted)} of {model.name}.",
            "Choose an adapter made for this checkpoint's family.",
        )
    return checked(lambda: IPAdapter(config), own)


def partial_file(weights: Weights, what: str, error: Exception) -> ModelError:
    """The error for a file that lacks something."""
    return ModelError(
        f"{weights.name} holds only part of {what}: {error} is missing.",
        "Download or copy it again.",
    )


def checked(make: Callable[[], Network], weights: Weights) -> Network:
    """The network that `make` makes with the file's tensors, all of them.

    Raises ModelError for missing tensors and for those that no such network has.
    """
    names: Mapping[str, str] = {name: name for name in weights}
    network = build(make, weights, names)
    known = {name for name, _ in network.named_parameters()}
    unknown = sorted(name for name in names if name not in known and not name.startswith(SPARE))
    if unknown:
        raise ModelError(
            f"{weights.name} holds {len(unknown)} tensors that are not known here, for example "
            f"{unknown[0]}.",
            "It may be of a newer kind that cannot be used yet.",
        )
    return network


Loader = Callable[[Weights, UNet, Model], ControlKind]

LOADERS: dict[Kind, Loader] = {
    "controlnet": _controlnet,
    "control-lora": _controlnet,
    "t2i": lambda weights, unet, model: _adapter(weights, unet, model, light=False),
    "t2i-light": lambda weights, unet, model: _adapter(weights, unet, model, light=True),
    "t2i-style": _style,
    "ip-adapter": _ip_adapter,
}
"""What makes each kind's network."""
