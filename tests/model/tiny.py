"""A model of a few kilobytes in every layout, made on the spot with random weights."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.unet import UNet, UNetConfig

REFERENCE = Path(__file__).parents[1] / "golden" / "parity"

UNET = UNetConfig(
    model_channels=8,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_resolutions=(1, 2),
    num_heads=2,
    context_dim=16,
    norm_groups=4,
)
AUTOENCODER = AutoencoderConfig(channels=8, channel_mult=(1, 2), num_res_blocks=1, norm_groups=4)
TEXT = ClipTextConfig(vocab_size=50, width=16, layers=2, heads=2, intermediate=32, positions=77)

FACTS = {
    "norm_groups_unet": 4,
    "norm_groups_vae": 4,
    "unet_heads": 2,
    "text_heads": 2,
    "native_size": [32, 48],
    "unet": {
        "model_channels": 8,
        "channel_mult": [1, 2],
        "num_res_blocks": 1,
        "attention_resolutions": [1, 2],
        "context_dim": 16,
    },
    "autoencoder": {"channels": 8, "channel_mult": [1, 2], "num_res_blocks": 1},
    "text": {},
    "examples": ["a red circle"],
}


def random_network(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """`network` with random weights everywhere, also where training starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return network.eval().requires_grad_(False)


def tensors() -> dict[str, Tensor]:
    """Every tensor of the model under its original name."""
    networks = {
        "model.diffusion_model.": random_network(UNet(UNET), 1),
        "first_stage_model.": random_network(Autoencoder(AUTOENCODER), 2),
        "cond_stage_model.transformer.": random_network(ClipText(TEXT), 3),
    }
    return {
        prefix + name: tensor.contiguous()
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }


def write_model(path: Path, **facts: object) -> Path:
    """The model as a safetensors file that describes itself; `facts` change the description."""
    save_file(tensors(), path, metadata={"easel": json.dumps(FACTS | facts)})
    return path


YAML = """
model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    linear_end: 0.012
    timesteps: 1000
    scale_factor: 0.5
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        in_channels: 4
        out_channels: 4
        model_channels: 32
        attention_resolutions: [1]
        num_res_blocks: 1
        channel_mult: [1]
        num_heads: 2
        context_dim: 64
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params:
        embed_dim: 4
        ddconfig: {z_channels: 4, ch: 32, ch_mult: [1, 2], num_res_blocks: 1, resolution: 64}
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
"""
"""A description without anything unusual, for models other than the one above."""
