"""The JSON files that make a folder of networks a pipeline for diffusers."""

from typing import Any

from modules.model.architecture import Architecture, NoiseSchedule
from modules.model.families.record import Family
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.unet import UNetConfig

Config = dict[str, Any]
TIME_WIDTH = 256
"""Channels in which SDXL is told each of a picture's sizes."""


def configs_of(family: Family, architecture: Architecture) -> dict[str, Config]:
    """Every file by its path in the folder. Tokenizers are not among them."""
    assert isinstance(architecture.unet, UNetConfig)
    large = bool(family.size_facts)
    index: Config = {
        "_class_name": "StableDiffusionXLPipeline" if large else "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": [None, None],
    }
    files: dict[str, Config] = {
        "unet/config.json": unet(architecture.unet),
        "vae/config.json": autoencoder(architecture.autoencoder, architecture.scale_factor),
        "scheduler/scheduler_config.json": scheduler(architecture),
    }
    for tower, config in zip(family.text, architecture.texts, strict=True):
        assert isinstance(config, ClipTextConfig)
        files[f"{tower.folder}/config.json"] = text(config)
        kind = "CLIPTextModelWithProjection" if config.projection else "CLIPTextModel"
        index[tower.folder] = ["transformers", kind]
    return files | {"model_index.json": index}


def unet(config: UNetConfig) -> Config:
    """A U-Net's shape. What diffusers calls attention_head_dim is the number of heads."""
    levels = range(len(config.channel_mult))
    widths = [config.model_channels * mult for mult in config.channel_mult]
    attended = [config.depth_at(level) > 0 for level in levels]
    head = config.head_channels
    found: Config = {
        "_class_name": "UNet2DConditionModel",
        "in_channels": config.in_channels,
        "out_channels": config.out_channels,
        "block_out_channels": widths,
        "layers_per_block": config.res_blocks_at(0),
        "down_block_types": [
            "CrossAttnDownBlock2D" if attention else "DownBlock2D" for attention in attended
        ],
        "up_block_types": [
            "CrossAttnUpBlock2D" if attention else "UpBlock2D" for attention in attended[::-1]
        ],
        "attention_head_dim": config.num_heads if not head else [width // head for width in widths],
        "transformer_layers_per_block": [max(1, config.depth_at(level)) for level in levels],
        "cross_attention_dim": config.context_dim,
        "use_linear_projection": config.use_linear_in_transformer,
        "norm_num_groups": config.norm_groups,
        "norm_eps": 1e-5,
        "sample_size": 64,
    }
    if config.adm_in_channels is not None:
        found |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": TIME_WIDTH,
            "projection_class_embeddings_input_dim": config.adm_in_channels,
        }
    return found


def autoencoder(config: AutoencoderConfig, scale_factor: float) -> Config:
    """An autoencoder's shape."""
    levels = len(config.channel_mult)
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": config.in_channels,
        "out_channels": config.out_channels,
        "block_out_channels": [config.channels * mult for mult in config.channel_mult],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": config.num_res_blocks,
        "latent_channels": config.z_channels,
        "norm_num_groups": config.norm_groups,
        "scaling_factor": scale_factor,
        "act_fn": "silu",
        "sample_size": 512,
    }


def text(config: ClipTextConfig) -> Config:
    """A text encoder's shape."""
    found: Config = {
        "architectures": ["CLIPTextModelWithProjection" if config.projection else "CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.head_count,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.positions,
        "hidden_act": config.activation,
        "layer_norm_eps": 1e-5,
    }
    return found | ({"projection_dim": config.projection} if config.projection else {})


def scheduler(architecture: Architecture) -> Config:
    """The noise levels the model was trained with."""
    schedule = architecture.schedule
    assert isinstance(schedule, NoiseSchedule)
    return {
        "_class_name": "DDIMScheduler",
        "beta_start": schedule.linear_start,
        "beta_end": schedule.linear_end,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": schedule.timesteps,
        "prediction_type": "v_prediction" if architecture.prediction == "v" else "epsilon",
        "rescale_betas_zero_snr": schedule.zero_terminal_snr,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
