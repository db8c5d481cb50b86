"""Whole files of Stable Diffusion 3 and FLUX.1 as diffusers' folders, the way back of
`modules.model.transformer_folder`."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.architecture import Architecture
from modules.model.families.record import Family, TextTower
from modules.model.families.transformer_names import Joined, flux_names, sd3_names
from modules.model.files import Entry, Weights
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.flux import FluxConfig
from modules.model.networks.mmdit import MMDiTConfig
from modules.model.networks.t5 import T5Config
from modules.model.schedules import FlowSchedule

BESIDE = "proj_mlp"
"""diffusers' name for the rows of a joined matrix that are no queries, keys or values."""
USUAL_CELLS = 128
"""Latent cells along a side of a picture of 1024 pixels."""
DYNAMIC = {"base_image_seq_len": 256, "max_image_seq_len": 4096}


def transformer_names(unet: MMDiTConfig | FluxConfig) -> dict[str, Joined]:
    """Every parameter of a transformer of that shape by its original name."""
    if isinstance(unet, FluxConfig):
        return flux_names(unet.double_blocks, unet.single_blocks, unet.guidance)
    return sd3_names(unet.depth, unet.dual_layers, unet.qk_norm)


def in_diffusers_names(
    weights: Weights, prefix: str, unet: MMDiTConfig | FluxConfig
) -> dict[str, Entry]:
    """A transformer's tensors under diffusers' names; joined ones are parted when they are read.

    Raises ModelError for weights of eight bits with a scale, which have no place there.
    """
    if any(name.endswith(".scale_weight") for name in weights):
        raise ModelError(
            f"{weights.name} holds packed weights with scales.",
            "Convert a file of 16 bits instead.",
        )
    found: dict[str, Entry] = {}
    for name, recipe in transformer_names(unet).items():
        entry = weights.entries.get(prefix + name)
        if entry is not None:
            found |= dict(parted(entry, recipe, unet.width))
    return found


def parted(entry: Entry, recipe: Joined, width: int) -> Iterator[tuple[str, Entry]]:
    """The tensors that are one below the other in `entry`, by diffusers' names."""
    rows = entry.shape[0] if entry.shape else 0
    if len(recipe.sources) == 1:
        yield recipe.sources[0], swapped(entry) if recipe.swapped else entry
        return
    beside = any(f".{BESIDE}." in source for source in recipe.sources)
    share = width if beside else rows // len(recipe.sources)
    for place, source in enumerate(recipe.sources):
        last = place == len(recipe.sources) - 1
        start, end = place * share, rows if last else (place + 1) * share
        yield source, Entry((end - start, *entry.shape[1:]), cut(entry, start, end))


def swapped(entry: Entry) -> Entry:
    """The two halves of the rows in each other's place."""

    def read() -> Tensor:
        return torch.cat(entry.read().chunk(2)[::-1])

    return Entry(entry.shape, read)


def cut(entry: Entry, start: int, end: int) -> Callable[[], Tensor]:
    """What reads some rows."""
    return lambda: entry.read()[start:end]


def transformer_config(unet: MMDiTConfig | FluxConfig) -> dict[str, Any]:
    """A transformer's shape in diffusers' words."""
    common: dict[str, Any] = {
        "attention_head_dim": unet.width // unet.heads,
        "num_attention_heads": unet.heads,
        "joint_attention_dim": unet.context_dim,
        "pooled_projection_dim": unet.pooled_dim,
    }
    if isinstance(unet, FluxConfig):
        return common | {
            "_class_name": "FluxTransformer2DModel",
            "patch_size": 1,
            "in_channels": unet.channels * 4,
            "num_layers": unet.double_blocks,
            "num_single_layers": unet.single_blocks,
            "guidance_embeds": unet.guidance,
            "axes_dims_rope": list(unet.axes),
        }
    return common | {
        "_class_name": "SD3Transformer2DModel",
        "sample_size": USUAL_CELLS,
        "patch_size": unet.patch,
        "in_channels": unet.channels,
        "out_channels": unet.channels,
        "num_layers": unet.depth,
        "caption_projection_dim": unet.width,
        "pos_embed_max_size": unet.positions,
        "dual_attention_layers": list(range(unet.dual_layers)),
        "qk_norm": "rms_norm" if unet.qk_norm else None,
    }


def flow_config(architecture: Architecture) -> dict[str, Any]:
    """The noise levels in diffusers' words."""
    schedule = architecture.schedule
    assert isinstance(schedule, FlowSchedule), "families of straight paths have this kind"
    config: dict[str, Any] = {
        "_class_name": "FlowMatchEulerDiscreteScheduler",
        "num_train_timesteps": schedule.timesteps,
        "shift": schedule.shift,
        "use_dynamic_shifting": schedule.small_shift is not None,
    }
    if schedule.small_shift is not None:
        ends = {"base_shift": math.log(schedule.small_shift), "max_shift": math.log(schedule.shift)}
        config |= DYNAMIC | ends | {"shift": 3.0}
    return config


def t5_config(text: T5Config) -> dict[str, Any]:
    """A T5 encoder's shape in transformers' words."""
    return {
        "architectures": ["T5EncoderModel"],
        "model_type": "t5",
        "vocab_size": text.vocab_size,
        "d_model": text.width,
        "d_kv": text.head_width,
        "d_ff": text.intermediate,
        "num_layers": text.layers,
        "num_heads": text.heads,
        "relative_attention_num_buckets": text.buckets,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": False,
        "tie_word_embeddings": False,
    }


def flow_index(family: Family) -> dict[str, Any]:
    """What `model_index.json` says, with the encoders there are."""
    flux = family.name == "flux"
    index: dict[str, Any] = {
        "_class_name": "FluxPipeline" if flux else "StableDiffusion3Pipeline",
        "transformer": ["diffusers", "FluxTransformer2DModel" if flux else "SD3Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    }
    if not flux:
        index |= {"text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    for tower in family.text:
        index[tower.folder] = ["transformers", encoder_class(tower)]
        kind = "T5TokenizerFast" if tower.layout == "t5" else "CLIPTokenizer"
        index[tower.folder.replace("text_encoder", "tokenizer")] = ["transformers", kind]
    return index


def encoder_class(tower: TextTower) -> str:
    """transformers' class for a text encoder."""
    if tower.layout == "t5":
        return "T5EncoderModel"
    return "CLIPTextModelWithProjection" if tower.projected else "CLIPTextModel"


def flow_configs(
    family: Family,
    architecture: Architecture,
    text_config: Callable[[ClipTextConfig, str], dict[str, Any]],
    vae: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """What the JSON files of such a folder say, by path."""
    unet = architecture.unet
    assert isinstance(unet, MMDiTConfig | FluxConfig), "families of straight paths have these"
    convs = architecture.autoencoder.point_convs
    configs: dict[str, dict[str, Any]] = {
        "model_index.json": flow_index(family),
        "transformer/config.json": transformer_config(unet),
        "vae/config.json": {
            **vae,
            "shift_factor": architecture.shift_factor,
            "use_quant_conv": convs,
            "use_post_quant_conv": convs,
        },
        "scheduler/scheduler_config.json": flow_config(architecture),
    }
    for tower, text in zip(family.text, architecture.texts, strict=True):
        if isinstance(text, T5Config):
            configs[f"{tower.folder}/config.json"] = t5_config(text)
        else:
            assert isinstance(text, ClipTextConfig), "beside T5 there is only CLIP"
            configs[f"{tower.folder}/config.json"] = text_config(text, encoder_class(tower))
    return configs
