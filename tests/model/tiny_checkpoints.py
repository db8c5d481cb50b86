"""Checkpoints of every family in the original layout: random, small, with real vocabularies.

Text encoders of OpenCLIP are written under its own names here, independently of what reads them.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.unet import UNet, UNetConfig

AUTOENCODER = AutoencoderConfig(channels=32, channel_mult=(1, 1, 1, 1), num_res_blocks=1)
CLIP = ClipTextConfig(width=64, layers=2, heads=1, intermediate=128)
OPEN_CLIP = replace(CLIP, layers=3, activation="gelu")
WITH_PROJECTION = replace(OPEN_CLIP, projection=48)


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """One checkpoint; `texts` are the encoders by their prefix."""

    unet: UNetConfig
    texts: dict[str, ClipTextConfig]
    family: str
    prediction: str = "epsilon"
    scale_factor: float = 0.18215
    extra: dict[str, Tensor] = field(default_factory=dict)


SD1_UNET = UNetConfig(
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_resolutions=(1, 2),
    context_dim=64,
)
SD2_UNET = replace(SD1_UNET, num_heads=None, head_channels=16, use_linear_in_transformer=True)
SDXL_UNET = replace(
    SD2_UNET,
    attention_resolutions=(2,),
    transformer_depth=(1, 2),
    context_dim=128,
    adm_in_channels=48 + 6 * 256,
)
REFINER_UNET = replace(
    SD2_UNET,
    channel_mult=(1, 2, 2),
    attention_resolutions=(2,),
    transformer_depth=2,
    adm_in_channels=48 + 5 * 256,
)
SD1_TEXT = {"cond_stage_model.transformer.": CLIP}
SD2_TEXT = {"cond_stage_model.model.": OPEN_CLIP}
SDXL_TEXT = {
    "conditioner.embedders.0.transformer.": CLIP,
    "conditioner.embedders.1.model.": WITH_PROJECTION,
}

SD1 = Tiny(unet=SD1_UNET, texts=SD1_TEXT, family="sd1")
SD2 = Tiny(unet=SD2_UNET, texts=SD2_TEXT, family="sd2")
SDXL = Tiny(unet=SDXL_UNET, texts=SDXL_TEXT, family="sdxl", scale_factor=0.13025)
REFINER = Tiny(
    unet=REFINER_UNET,
    texts={"conditioner.embedders.0.model.": WITH_PROJECTION},
    family="sdxl-refiner",
    scale_factor=0.13025,
)
MODELS = {
    "sd1": SD1,
    "sd1-inpainting": replace(SD1, unet=replace(SD1_UNET, in_channels=9)),
    "instruct-pix2pix": replace(SD1, unet=replace(SD1_UNET, in_channels=8)),
    "lcm": replace(SD1, unet=replace(SD1_UNET, scale_embedding=16)),
    "sd2": SD2,
    "sd2-velocity": replace(SD2, prediction="v"),
    "sd2-inpainting": replace(SD2, unet=replace(SD2_UNET, in_channels=9)),
    "depth2img": replace(
        SD2, unet=replace(SD2_UNET, in_channels=5), extra={"depth_model.model.x": torch.zeros(1)}
    ),
    "sd2-turbo": replace(SD2, texts={"conditioner.embedders.0.model.": OPEN_CLIP}),
    "unclip": replace(
        SD2, unet=replace(SD2_UNET, adm_in_channels=64), family="unclip", prediction="v"
    ),
    "sdxl": SDXL,
    "sdxl-velocity": replace(
        SDXL, prediction="v", extra={"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    ),
    "sdxl-inpainting": replace(SDXL, unet=replace(SDXL_UNET, in_channels=9)),
    "sdxl-refiner": REFINER,
}
"""Every kind of model that is known, by a name of its own."""


def randomised(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """`network` with random weights of about the size of trained ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = parameter.ndim == 1 and name.endswith("weight")
            width = parameter[0].numel() if parameter.ndim > 1 else 100
            parameter.copy_(noise * min(0.1, width**-0.5) + is_norm)
    return network.eval().requires_grad_(False)


def tensors_of(tiny: Tiny) -> dict[str, Tensor]:
    """Every tensor of the file."""
    found: dict[str, Tensor] = dict(tiny.extra)
    unet = randomised(UNet(tiny.unet), 1).state_dict()
    found |= {f"model.diffusion_model.{name}": tensor for name, tensor in unet.items()}
    autoencoder = randomised(Autoencoder(AUTOENCODER), 2).state_dict()
    found |= {f"first_stage_model.{name}": tensor for name, tensor in autoencoder.items()}
    for seed, (prefix, config) in enumerate(tiny.texts.items(), start=3):
        text = dict(randomised(ClipText(config), seed).state_dict())
        own = text if prefix.endswith("transformer.") else in_open_clip(text, config)
        found |= {prefix + name: tensor for name, tensor in own.items()}
    return {name: tensor.contiguous() for name, tensor in found.items()}


def in_open_clip(text: dict[str, Tensor], config: ClipTextConfig) -> dict[str, Tensor]:
    """A text encoder's tensors as OpenCLIP saves them."""
    embeddings = "text_model.embeddings."
    found = {
        "token_embedding.weight": text[f"{embeddings}token_embedding.weight"],
        "positional_embedding": text[f"{embeddings}position_embedding.weight"],
        "logit_scale": torch.tensor(4.6),
        "text_projection": torch.eye(config.width),
    }
    if config.projection is not None:
        found["text_projection"] = text["text_projection.weight"].T
    for leaf in ("weight", "bias"):
        found[f"ln_final.{leaf}"] = text[f"text_model.final_layer_norm.{leaf}"]
        for number in range(config.layers):
            ours = f"text_model.encoder.layers.{number}."
            theirs = f"transformer.resblocks.{number}."
            parts = [text[f"{ours}self_attn.{part}_proj.{leaf}"] for part in "qkv"]
            found[f"{theirs}attn.in_proj_{leaf}"] = torch.cat(parts)
            found[f"{theirs}attn.out_proj.{leaf}"] = text[f"{ours}self_attn.out_proj.{leaf}"]
            found[f"{theirs}ln_1.{leaf}"] = text[f"{ours}layer_norm1.{leaf}"]
            found[f"{theirs}ln_2.{leaf}"] = text[f"{ours}layer_norm2.{leaf}"]
            found[f"{theirs}mlp.c_fc.{leaf}"] = text[f"{ours}mlp.fc1.{leaf}"]
            found[f"{theirs}mlp.c_proj.{leaf}"] = text[f"{ours}mlp.fc2.{leaf}"]
    return found


def write(
    name: str, folder: Path, *, half: bool = False, more: dict[str, Tensor] | None = None
) -> Path:
    """The checkpoint called `name` in `MODELS`, its description beside it, with `more` tensors."""
    tiny = MODELS[name]
    tensors = tensors_of(tiny) | (more or {})
    if half:
        tensors = {key: tensor.half() for key, tensor in tensors.items()}
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    path.with_suffix(".yaml").write_text(yaml.safe_dump(description(tiny)), "utf-8")
    return path


def description(tiny: Tiny) -> dict[str, Any]:
    """The YAML beside a file, in the words of its family."""
    unet = {
        "target": "somewhere.UNetModel",
        "params": {
            "in_channels": tiny.unet.in_channels,
            "out_channels": 4,
            "model_channels": tiny.unet.model_channels,
            "attention_resolutions": list(tiny.unet.attention_resolutions),
            "num_res_blocks": tiny.unet.num_res_blocks,
            "channel_mult": list(tiny.unet.channel_mult),
            "num_heads": tiny.unet.num_heads or -1,
            "num_head_channels": tiny.unet.head_channels or -1,
            "use_linear_in_transformer": tiny.unet.use_linear_in_transformer,
            "transformer_depth": as_plain(tiny.unet.transformer_depth),
            "context_dim": tiny.unet.context_dim,
            "adm_in_channels": tiny.unet.adm_in_channels,
        },
    }
    first_stage = {
        "target": "somewhere.AutoencoderKL",
        "params": {
            "embed_dim": 4,
            "ddconfig": {
                "z_channels": 4,
                "resolution": 64,
                "ch": AUTOENCODER.channels,
                "ch_mult": list(AUTOENCODER.channel_mult),
                "num_res_blocks": AUTOENCODER.num_res_blocks,
            },
        },
    }
    common = {"scale_factor": tiny.scale_factor, "first_stage_config": first_stage}
    if tiny.family.startswith("sdxl"):
        return {"model": engine(tiny, common | {"network_config": unet})}
    params = common | {
        "unet_config": unet,
        "linear_start": 0.00085,
        "linear_end": 0.012,
        "parameterization": {"epsilon": "eps", "v": "v"}[tiny.prediction],
        "cond_stage_config": {"target": "somewhere.FrozenOpenCLIPEmbedder"},
    }
    return {"model": {"target": "somewhere.LatentDiffusion", "params": params}}


def engine(tiny: Tiny, params: dict[str, Any]) -> dict[str, Any]:
    """The description of one of SDXL's family."""
    scaling = {"epsilon": "EpsScaling", "v": "VScaling"}[tiny.prediction]
    denoiser = {
        "scaling_config": {"target": f"somewhere.{scaling}"},
        "discretization_config": {"target": "somewhere.LegacyDDPMDiscretization"},
    }
    parts = {
        "denoiser_config": {"target": "somewhere.DiscreteDenoiser", "params": denoiser},
        "conditioner_config": {"target": "somewhere.GeneralConditioner"},
    }
    return {"target": "somewhere.DiffusionEngine", "params": params | parts}


def as_plain(value: int | tuple[int, ...]) -> int | list[int]:
    """One number, or a list."""
    return value if isinstance(value, int) else list(value)
