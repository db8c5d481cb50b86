"""Architecture from the YAML files that came with latent diffusion (read through OmegaConf).

The class names in them are looked at as text, to learn which known kind they mean. Nothing named in
a file is ever imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from modules.errors import ModelError
from modules.model.architecture import Architecture, NoiseSchedule, Prediction
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.unet import UNetConfig

MAX_BYTES = 2**20

KINDS = {
    "model": (
        "LatentDiffusion",
        "LatentInpaintDiffusion",
        "LatentFinetuneDiffusion",
        "LatentDepth2ImageDiffusion",
        "ImageEmbeddingConditionedLatentDiffusion",
        "DiffusionEngine",
    ),
    "unet_config": ("UNetModel",),
    "network_config": ("UNetModel",),
    "denoiser_config": ("DiscreteDenoiser",),
    "scaling_config": ("EpsScaling", "VScaling"),
    "discretization_config": ("LegacyDDPMDiscretization",),
    "first_stage_config": (
        "AutoencoderKL",
        "AutoencoderKLInferenceWrapper",
        "VQModelInterface",
        "VQModel",
    ),
    "cond_stage_config": ("FrozenCLIPEmbedder", "FrozenOpenCLIPEmbedder", "BERTEmbedder"),
    "conditioner_config": ("GeneralConditioner",),
}
"""The classes that each part of a description may name, without their modules."""

FIX = "Remove the .yaml to use the default for this kind of model, or correct it."


def read_config(path: Path) -> Architecture:
    """The architecture described by the YAML file at `path`.

    The text encoders are left at their default: these files do not describe them. Raises ModelError
    for what is not YAML, lacks a part, or names a class that is not known.
    """
    root = load_yaml(path)
    model = part(root, "model", path)
    params = params_of(model, "model", path)
    read = read_engine if class_name(model) == "DiffusionEngine" else read_latent_diffusion
    try:
        return read(params, path)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"{path.name} does not describe a model: {error}.", FIX) from error


def read_latent_diffusion(params: Mapping[str, Any], path: Path) -> Architecture:
    """A description as they came with the first two versions."""
    unet = params_of(part(params, "unet_config", path), "unet_config", path)
    first_stage = params_of(part(params, "first_stage_config", path), "first_stage_config", path)
    check_target(part(params, "cond_stage_config", path), "cond_stage_config", path)
    return Architecture(
        unet=unet_from(unet),
        autoencoder=autoencoder_from(first_stage),
        schedule=schedule_from(params),
        prediction=prediction_from(params),
        scale_factor=float(params.get("scale_factor", 1.0)),
    )


def read_engine(params: Mapping[str, Any], path: Path) -> Architecture:
    """A description as they came with SDXL: parts of their own for network and noise levels."""
    unet = params_of(part(params, "network_config", path), "network_config", path)
    first_stage = params_of(part(params, "first_stage_config", path), "first_stage_config", path)
    denoiser = params_of(part(params, "denoiser_config", path), "denoiser_config", path)
    scaling = part(denoiser, "scaling_config", path)
    check_target(scaling, "scaling_config", path)
    levels = part(denoiser, "discretization_config", path)
    check_target(levels, "discretization_config", path)
    check_target(part(params, "conditioner_config", path), "conditioner_config", path)
    figures = levels.get("params") or {}
    return Architecture(
        unet=unet_from(unet),
        autoencoder=autoencoder_from(first_stage),
        schedule=NoiseSchedule(
            linear_start=float(figures.get("linear_start", 0.00085)),
            linear_end=float(figures.get("linear_end", 0.012)),
            timesteps=int(denoiser.get("num_idx", 1000)),
        ),
        prediction="v" if class_name(scaling) == "VScaling" else "epsilon",
        scale_factor=float(params.get("scale_factor", 1.0)),
    )


def load_yaml(path: Path) -> Mapping[str, Any]:
    """The file as plain tables, interpolations resolved."""
    try:
        text = path.read_text("utf-8")
        if len(text) > MAX_BYTES:
            raise ModelError(f"{path.name} is too large for a description of a model.", FIX)
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ModelError(f"{path.name} uses YAML aliases, which are not supported.", FIX)
        root = OmegaConf.to_container(OmegaConf.create(text), resolve=True)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path.name} cannot be read as YAML: {reason}.", FIX) from error
    if not isinstance(root, dict):
        raise ModelError(f"{path.name} is not a table.", FIX)
    return root


def part(table: Mapping[str, Any], names: str, path: Path) -> Mapping[str, Any]:
    """The table at a dotted path."""
    for name in names.split("."):
        value = table.get(name)
        if not isinstance(value, Mapping):
            raise ModelError(f"{path.name} lacks the part {names!r}.", FIX)
        table = value
    return table


def params_of(table: Mapping[str, Any], kind: str, path: Path) -> Mapping[str, Any]:
    """The `params` beside a `target` of the right kind."""
    check_target(table, kind, path)
    return part(table, "params", path)


def check_target(table: Mapping[str, Any], kind: str, path: Path) -> None:
    """Refuse a class that is not known; the name is only compared."""
    if class_name(table) not in KINDS[kind]:
        raise ModelError(
            f"{path.name} names {table.get('target')!r} as its {kind}, which is not known here.",
            f"Known: {', '.join(KINDS[kind])}.",
        )


def class_name(table: Mapping[str, Any]) -> str:
    """The last part of the class that a table names; empty if it names none."""
    target = table.get("target")
    return target.rsplit(".", 1)[-1] if isinstance(target, str) else ""


def unet_from(params: Mapping[str, Any]) -> UNetConfig:
    """The U-Net's shape. -1 stands for "not given" in these files."""
    head_channels = int(params.get("num_head_channels", -1))
    heads = int(params.get("num_heads", -1))
    if head_channels < 1 and heads < 1:
        raise ValueError("the U-Net needs num_heads or num_head_channels")
    adm = params.get("adm_in_channels")
    return UNetConfig(
        in_channels=int(params["in_channels"]),
        out_channels=int(params["out_channels"]),
        model_channels=int(params["model_channels"]),
        channel_mult=whole_numbers(params["channel_mult"]),
        num_res_blocks=number_or_tuple(params["num_res_blocks"]),
        attention_resolutions=whole_numbers(params["attention_resolutions"]),
        transformer_depth=number_or_tuple(params.get("transformer_depth", 1)),
        num_heads=None if head_channels > 0 else heads,
        head_channels=head_channels if head_channels > 0 else None,
        context_dim=one_number(params["context_dim"]),
        use_linear_in_transformer=bool(params.get("use_linear_in_transformer", False)),
        adm_in_channels=None if adm is None else int(adm),
    )


def autoencoder_from(params: Mapping[str, Any]) -> AutoencoderConfig:
    """The autoencoder's shape. Attention is given there by the side of the feature map."""
    shape = params["ddconfig"]
    mults = whole_numbers(shape["ch_mult"])
    sides = whole_numbers(shape.get("attn_resolutions", ()))
    resolution = int(shape.get("resolution", 256))
    return AutoencoderConfig(
        in_channels=int(shape.get("in_channels", 3)),
        out_channels=int(shape.get("out_ch", 3)),
        channels=int(shape["ch"]),
        channel_mult=mults,
        num_res_blocks=int(shape["num_res_blocks"]),
        attention_levels=tuple(n for n in range(len(mults)) if resolution // 2**n in sides),
        z_channels=int(shape["z_channels"]),
        embed_dim=int(params["embed_dim"]),
        codes=int(params["n_embed"]) if "n_embed" in params else None,
    )


def schedule_from(params: Mapping[str, Any]) -> NoiseSchedule:
    """The noise schedule."""
    if params.get("beta_schedule", "linear") != "linear":
        raise ValueError(f"unknown beta_schedule {params['beta_schedule']!r}")
    return NoiseSchedule(
        linear_start=float(params.get("linear_start", 1e-4)),
        linear_end=float(params.get("linear_end", 2e-2)),
        timesteps=int(params.get("timesteps", 1000)),
    )


def prediction_from(params: Mapping[str, Any]) -> Prediction:
    """What the network predicts."""
    match params.get("parameterization", "eps"):
        case "eps":
            return "epsilon"
        case "v":
            return "v"
        case other:
            raise ValueError(f"unknown parameterization {other!r}")


def whole_numbers(values: Any) -> tuple[int, ...]:
    """A list of integers from a file."""
    if not isinstance(values, list | tuple) or len(values) > 16:
        raise ValueError(f"{values!r} is not a short list of numbers")
    return tuple(int(value) for value in values)


def one_number(value: Any) -> int:
    """One integer, or a list that says the same for all levels."""
    numbers = set(whole_numbers(value)) if isinstance(value, list | tuple) else {int(value)}
    if len(numbers) != 1:
        raise ValueError(f"{value!r} is not one number")
    return numbers.pop()


def number_or_tuple(value: Any) -> int | tuple[int, ...]:
    """One integer for all levels, or a list with one for each."""
    return whole_numbers(value) if isinstance(value, list | tuple) else int(value)
