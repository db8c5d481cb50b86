"""A model between the two layouts people keep: one file, or a diffusers folder of networks.

Tensors are renamed; a few are split, joined or transposed when they are read. What belongs to no
network (averaged copies, noise schedules) has no place in a folder.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.architecture import Architecture, NoiseSchedule
from modules.model.bert_layouts import bert_config, bert_index, codebook_config, in_diffusers_bert
from modules.model.diffusers_folder import unet_names_for
from modules.model.families.diffusers_names import autoencoder_names
from modules.model.families.open_clip_names import FUSED, OURS, PROJECTION, ROWS, THEIRS
from modules.model.families.open_clip_names import open_clip_name as open_name
from modules.model.families.record import Family, TextTower
from modules.model.files import Entry, Weights
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.bert import BertConfig
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.flux import FluxConfig
from modules.model.networks.mmdit import MMDiTConfig
from modules.model.networks.unet import UNetConfig
from modules.model.text_layouts import layer_of, tower_weights, transposed
from modules.model.transformer_layouts import flow_configs, in_diffusers_names

PIPELINES = {
    ("sd1", 4): "StableDiffusionPipeline",
    ("sd1", 8): "StableDiffusionInstructPix2PixPipeline",
    ("sd1", 9): "StableDiffusionInpaintPipeline",
    ("sd2", 4): "StableDiffusionPipeline",
    ("sd2", 5): "StableDiffusionDepth2ImgPipeline",
    ("sd2", 9): "StableDiffusionInpaintPipeline",
    ("sdxl", 4): "StableDiffusionXLPipeline",
    ("sdxl", 9): "StableDiffusionXLInpaintPipeline",
    ("sdxl-refiner", 4): "StableDiffusionXLImg2ImgPipeline",
}
"""What folders are for, by family and input channels of the U-Net."""
ATTENTION_OF_AUTOENCODER = ("to_q", "to_k", "to_v", "to_out")
"""Its modules that are linear layers in folders and convolutions in files."""


def pipeline_of(family: Family, architecture: Architecture, name: str) -> str:
    """The class name of the pipeline in such a folder. Raises ModelError if there is none."""
    pipeline = PIPELINES.get((family.name, architecture.unet.in_channels))
    if pipeline is None:
        raise ModelError(f"{name} ({family.title}) cannot be written as a diffusers folder.")
    return pipeline


def in_folders(weights: Weights, family: Family, architecture: Architecture) -> dict[str, Weights]:
    """The networks of a model under diffusers' names, by folder.

    `weights` have the names of single files. The results read from them and must not outlive them.
    """
    unet = architecture.unet
    if isinstance(unet, UNetConfig):
        names = inverse(unet_names_for(unet))
        denoiser = dict(_renamed(weights, family.unet_prefix, names))
    else:
        denoiser = in_diffusers_names(weights, family.unet_prefix, unet)
    vae = inverse(autoencoder_names(len(architecture.autoencoder.channel_mult)))
    parts = {
        family.folder: denoiser,
        family.autoencoder_folder: {
            name: _flat(entry) if _is_linear(name) else entry
            for name, entry in _renamed(weights, family.autoencoder_prefix, vae)
        },
    }
    for tower, text in zip(family.text, architecture.texts, strict=True):
        own = tower_weights(weights, tower)
        kept = own.entries if not isinstance(text, BertConfig) else in_diffusers_bert(own, text)
        parts[tower.folder] = {
            name: entry for name, entry in kept.items() if not name.endswith("position_ids")
        }
    return {folder: Weights(weights.name, entries) for folder, entries in parts.items()}


def in_single_file(weights: Weights, family: Family) -> Weights:
    """The weights of an opened folder with text encoders, too, as single files have them.

    A layer that nothing uses, which folders leave out, is there again and all zeros.
    """
    entries = dict(weights.entries)
    for tower in family.text:
        own = tower_weights(weights, tower)
        fused = tower.layout == "open_clip" and family.flow is None
        if not fused or not any(tower.prefix + name in entries for name in own):
            continue
        for name in own:
            del entries[tower.prefix + name]
        for name, entry in _in_open_clip(_with_spare_layers(own, tower)):
            entries[tower.prefix + name] = entry
    return Weights(weights.name, entries, weights.metadata, weights.close)


def inverse(names: Mapping[str, str]) -> dict[str, str]:
    """Original names to diffusers'; of several the first, which is in use today."""
    found: dict[str, str] = {}
    for theirs, ours in names.items():
        found.setdefault(ours, theirs)
    return found


def _renamed(
    weights: Weights, prefix: str, names: Mapping[str, str]
) -> Iterator[tuple[str, Entry]]:
    for name, entry in weights.entries.items():
        rest = name.removeprefix(prefix)
        head = rest
        while head not in names and "." in head:
            head = head.rpartition(".")[0]
        if name.startswith(prefix) and head in names:
            yield names[head] + rest.removeprefix(head), entry


def _is_linear(name: str) -> bool:
    return ".attentions." in name and any(f".{part}." in name for part in ATTENTION_OF_AUTOENCODER)


def _flat(entry: Entry) -> Entry:
    """A 1x1 convolution's weight as a matrix."""
    shape = entry.shape[:2] if len(entry.shape) == 4 else entry.shape
    return Entry(shape, lambda: entry.read().reshape(shape), forget=entry.forget)


def _with_spare_layers(own: Weights, tower: TextTower) -> dict[str, Entry]:
    entries = dict(own.entries)
    numbers = {layer_of(name) for name in entries} - {None}
    for number in range(len(numbers), len(numbers) + tower.spare_layers):
        for name, entry in own.entries.items():
            if layer_of(name) == 0:
                twin = name.replace(f"{OURS}0.", f"{OURS}{number}.", 1)
                entries[twin] = Entry(entry.shape, _zeros(entry))
    return entries


def _zeros(like: Entry) -> Any:
    return lambda: torch.zeros_like(like.read())


def _in_open_clip(entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Tensors under transformers' names to OpenCLIP's."""
    for name, entry in entries.items():
        same = open_name(name)
        number, leaf = layer_of(name), name.rpartition(".")[2]
        if same is not None:
            yield same, entry
        elif name == f"{PROJECTION}.weight":
            yield PROJECTION, transposed(entry)
        elif f".self_attn.{ROWS[0]}_proj." in name:
            parts = [entries[name.replace("q_proj", f"{row}_proj")] for row in ROWS]
            rows = sum(part.shape[0] for part in parts)
            fused = Entry((rows, *entry.shape[1:]), _joined(parts))
            yield f"{THEIRS}{number}.{FUSED}{leaf}", fused


def _joined(parts: list[Entry]) -> Any:
    def read() -> Tensor:
        return torch.cat([part.read() for part in parts])

    return read


def folder_configs(
    family: Family, architecture: Architecture, name: str
) -> dict[str, dict[str, Any]]:
    """What the JSON files of a folder say, by path. Raises ModelError for families without."""
    vae = vae_config(architecture.autoencoder, architecture.scale_factor)
    if isinstance(architecture.unet, MMDiTConfig | FluxConfig):
        return flow_configs(family, architecture, text_config, vae)
    if isinstance(architecture.texts[0], BertConfig):
        return {
            "model_index.json": bert_index(architecture.autoencoder),
            "unet/config.json": unet_config(family, architecture.unet),
            "vqvae/config.json": vae | codebook_config(architecture.autoencoder),
            "bert/config.json": bert_config(architecture.texts[0]),
            "scheduler/scheduler_config.json": scheduler_config(architecture),
        }
    pipeline = pipeline_of(family, architecture, name)
    index: dict[str, Any] = {"_class_name": pipeline, "text_encoder": [None, None]}
    configs: dict[str, dict[str, Any]] = {
        "unet/config.json": unet_config(family, architecture.unet),
        "vae/config.json": vae,
        "scheduler/scheduler_config.json": scheduler_config(architecture),
    }
    for tower, text in zip(family.text, architecture.texts, strict=True):
        assert isinstance(text, ClipTextConfig), "families in folders have CLIP's encoders"
        kind = "CLIPTextModelWithProjection" if tower.pooled else "CLIPTextModel"
        index[tower.folder] = ["transformers", kind]
        index[tower.folder.replace("text_encoder", "tokenizer")] = ["transformers", "CLIPTokenizer"]
        configs[f"{tower.folder}/config.json"] = text_config(text, kind)
    index |= {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    return {"model_index.json": index, **configs}


def unet_config(family: Family, unet: UNetConfig) -> dict[str, Any]:
    """A U-Net's shape in diffusers' words; its `attention_head_dim` are numbers of heads.

    Raises ModelError for one that lacks blocks of its family.
    """
    if unet.block_depths is not None:
        raise ModelError(
            "A model with fewer blocks than its family cannot be written as a diffusers folder.",
            "Keep it as one file.",
        )
    levels = range(len(unet.channel_mult))
    widths = [unet.model_channels * mult for mult in unet.channel_mult]
    attended = [2**level in unet.attention_resolutions for level in levels]
    depth = unet.transformer_depth
    config: dict[str, Any] = {
        "_class_name": "UNet2DConditionModel",
        "in_channels": unet.in_channels,
        "out_channels": unet.out_channels,
        "block_out_channels": widths,
        "layers_per_block": unet.num_res_blocks,
        "cross_attention_dim": unet.context_dim,
        "use_linear_projection": unet.use_linear_in_transformer,
        "attention_head_dim": unet.num_heads or [unet.heads_for(width) for width in widths],
        "transformer_layers_per_block": depth if isinstance(depth, int) else list(depth),
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attended],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attended[::-1]],
        "norm_num_groups": unet.norm_groups,
        "time_cond_proj_dim": unet.scale_embedding,
    }
    if family.size_facts:
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": unet.adm_in_channels,
        }
    return config


def vae_config(autoencoder: AutoencoderConfig, scale_factor: float) -> dict[str, Any]:
    """An autoencoder's shape in diffusers' words."""
    levels = len(autoencoder.channel_mult)
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": autoencoder.in_channels,
        "out_channels": autoencoder.out_channels,
        "block_out_channels": [autoencoder.channels * m for m in autoencoder.channel_mult],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": autoencoder.num_res_blocks,
        "latent_channels": autoencoder.embed_dim,
        "norm_num_groups": autoencoder.norm_groups,
        "scaling_factor": scale_factor,
    }


def text_config(text: ClipTextConfig, kind: str) -> dict[str, Any]:
    """A text encoder's shape in transformers' words."""
    return {
        "architectures": [kind],
        "model_type": "clip_text_model",
        "hidden_act": text.activation,
        "hidden_size": text.width,
        "intermediate_size": text.intermediate,
        "max_position_embeddings": text.positions,
        "num_attention_heads": text.head_count,
        "num_hidden_layers": text.layers,
        "projection_dim": text.projection or text.width,
        "vocab_size": text.vocab_size,
        "bos_token_id": text.vocab_size - 2,
        "eos_token_id": text.vocab_size - 1,
    }


def scheduler_config(architecture: Architecture) -> dict[str, Any]:
    """The noise schedule, and what the network predicts, in diffusers' words."""
    schedule = architecture.schedule
    assert isinstance(schedule, NoiseSchedule), "families in folders have this kind"
    return {
        "_class_name": "DDIMScheduler",
        "beta_schedule": "scaled_linear",
        "beta_start": schedule.linear_start,
        "beta_end": schedule.linear_end,
        "num_train_timesteps": schedule.timesteps,
        "prediction_type": "v_prediction" if architecture.prediction == "v" else "epsilon",
        "rescale_betas_zero_snr": schedule.zero_terminal_snr,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
