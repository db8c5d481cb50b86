"""Plain diffusers, for comparison: its own pipelines at real shapes, with numbers at random.

On a processor in float32, as it comes. On a GPU in float16 with channels last, and compiled on
request, which is what its documentation recommends for speed.
"""

from collections.abc import Callable
from typing import Any

import torch

TOKENS = 77
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
UNETS: dict[str, dict[str, Any]] = {
    "sd15": {"sample_size": 64, "cross_attention_dim": 768},
    "sdxl": {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
CLIP_L: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
POOLED = 1280
"""Width of the vector for a whole text that SDXL takes."""


def pipeline_for(
    kind: str, side: int, steps: int, device: str, *, compiled: bool = False
) -> Callable[[], object]:
    """A function that draws one picture: text, steps of Euler's method, decoding."""
    import diffusers
    import transformers

    dtype = torch.float32 if device == "cpu" else torch.float16
    vae = diffusers.AutoencoderKL(**VAE)
    unet = unet_of(diffusers.UNet2DConditionModel, UNETS[kind])
    text = transformers.CLIPTextModel(transformers.CLIPTextConfig(**CLIP_L))
    parts: dict[str, Any] = {
        "vae": vae, "unet": unet, "tokenizer": None, "text_encoder": text,
        "scheduler": diffusers.EulerDiscreteScheduler(steps_offset=1),
    }  # fmt: skip
    if kind == "sdxl":
        second = {"text_encoder_2": None, "tokenizer_2": None, "add_watermarker": False}
        pipeline = diffusers.StableDiffusionXLPipeline(**parts, **second)
    else:
        pipeline = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device, dtype)
    if device != "cpu":
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
    if compiled:
        pipeline.unet = torch.compile(pipeline.unet, mode="max-autotune", fullgraph=True)
    width = UNETS[kind]["cross_attention_dim"]

    @torch.no_grad()
    def draw() -> object:
        ids = torch.arange(2 * TOKENS, device=device).view(2, -1)
        both = text(ids).last_hidden_state
        both = both.repeat(1, 1, -(-width // both.shape[2]))[:, :, :width]
        words = {"prompt_embeds": both[:1], "negative_prompt_embeds": both[1:]}
        if kind == "sdxl":
            vector = both.new_zeros(1, POOLED)
            words |= {"pooled_prompt_embeds": vector, "negative_pooled_prompt_embeds": vector}
        return pipeline(
            **words, guidance_scale=7.0, height=side, width=side, num_inference_steps=steps
        )

    return draw


def unet_of(network: Any, shape: dict[str, Any]) -> Any:
    """diffusers' network with numbers of about the size of trained ones; drawn once, not twice."""
    with torch.device("meta"):
        unet = network(**shape)
    unet = unet.to_empty(device="cpu").eval()
    for name, parameter in unet.named_parameters():
        sensible(name, parameter.data)
    return unet


def sensible(name: str, tensor: torch.Tensor) -> None:
    """Fill a tensor with numbers of about the size of trained ones."""
    if tensor.ndim > 1:
        tensor.normal_(std=tensor[0].numel() ** -0.5)
    else:
        tensor.fill_(float(name.endswith("weight")))
