"""Files of networks for control: random, small, in the layouts in which they are found."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.model.networks.controlnet import ControlNet, ControlNetConfig
from modules.model.networks.unet import UNetConfig
from tests.model.tiny_checkpoints import MODELS, randomised

HINT_WIDTHS = (4, 4, 8, 8, 12, 12, 16)


def controlnet_tensors(family: str, seed: int = 7, **changes: object) -> dict[str, Tensor]:
    """A ControlNet for the tiny checkpoint of a family, under the original names."""
    unet = replace(MODELS[family].unet, in_channels=4, **changes)  # type: ignore[arg-type]
    config = ControlNetConfig(unet=unet, hint_widths=HINT_WIDTHS)
    return dict(randomised(ControlNet(config), seed).state_dict())


def write_controlnet(
    folder: Path, family: str = "sd1", name: str = "net", *, prefix: str = "control_model."
) -> Path:
    """The same as a file."""
    return save(folder, name, {prefix + k: v for k, v in controlnet_tensors(family).items()})


def save(folder: Path, name: str, tensors: dict[str, Tensor]) -> Path:
    """A safetensors file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
    return path


class Drawn:
    """Random tensors, one after the other."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int, scale: float | None = None) -> Tensor:
        size = scale or (shape[1] if len(shape) > 1 else 10) ** -0.5
        return torch.randn(shape, generator=self.generator) * size


def adapter_tensors(widths: tuple[int, ...], cell: int = 8, seed: int = 5) -> dict[str, Tensor]:
    """A full T2I-Adapter under the original names: two blocks a level."""
    drawn = Drawn(seed)
    found = {
        "conv_in.weight": drawn(widths[0], 3 * cell**2, 3, 3, scale=0.05),
        "conv_in.bias": drawn(widths[0]),
    }
    before = widths[0]
    for level, width in enumerate(widths):
        for block in range(2):
            name = f"body.{2 * level + block}"
            if before != width:
                found[f"{name}.in_conv.weight"] = drawn(width, before, 1, 1)
                found[f"{name}.in_conv.bias"] = drawn(width)
            found[f"{name}.block1.weight"] = drawn(width, width, 3, 3)
            found[f"{name}.block1.bias"] = drawn(width)
            found[f"{name}.block2.weight"] = drawn(width, width, 1, 1)
            found[f"{name}.block2.bias"] = drawn(width)
            before = width
    return found


def light_adapter_tensors(widths: tuple[int, ...], seed: int = 6) -> dict[str, Tensor]:
    """A light T2I-Adapter under the original names: four blocks a level."""
    drawn, before, found = Drawn(seed), 3 * 64, {}
    for level, width in enumerate(widths):
        inner = width // 4
        convolutions = {f"body.{level}.in_conv": (inner, before, 1)}
        for block in range(4):
            convolutions[f"body.{level}.body.{block}.block1"] = (inner, inner, 3)
            convolutions[f"body.{level}.body.{block}.block2"] = (inner, inner, 3)
        convolutions[f"body.{level}.out_conv"] = (width, inner, 1)
        for name, (out, into, side) in convolutions.items():
            found[f"{name}.weight"] = drawn(out, into, side, side)
            found[f"{name}.bias"] = drawn(out)
        before = width
    return found


def attention_widths(unet: UNetConfig) -> list[int]:
    """Channels of every cross-attention: way down, way up, middle."""
    widths: list[int] = []
    levels = range(len(unet.channel_mult))
    for extra, order in ((0, levels), (1, reversed(levels))):
        for level in order:
            width = unet.model_channels * unet.channel_mult[level]
            widths += [width] * unet.depth_at(level) * (unet.res_blocks_at(level) + extra)
    last = unet.model_channels * unet.channel_mult[-1]
    return widths + [last] * unet.depth_in_middle()


def ip_adapter_tensors(
    unet: UNetConfig, kind: str, seen: int, seed: int = 8
) -> dict[str, dict[str, Tensor]]:
    """An IP-Adapter as its files hold it: "plain", "full" or "plus", for vectors `seen` wide."""
    drawn, context = Drawn(seed), unet.context_dim
    attentions = {}
    for number, width in enumerate(attention_widths(unet)):
        for part in "kv":
            attentions[f"{2 * number + 1}.to_{part}_ip.weight"] = drawn(width, context)
    return {"image_proj": PROJECTIONS[kind](drawn, seen, context), "ip_adapter": attentions}


def plain_projection(drawn: Drawn, seen: int, context: int) -> dict[str, Tensor]:
    """One vector to four tokens."""
    return {
        "proj.weight": drawn(4 * context, seen),
        "proj.bias": drawn(4 * context),
        "norm.weight": drawn(context) + 1,
        "norm.bias": drawn(context),
    }


def full_projection(drawn: Drawn, seen: int, context: int) -> dict[str, Tensor]:
    """Every patch to a token."""
    return {
        "proj.0.weight": drawn(seen, seen),
        "proj.0.bias": drawn(seen),
        "proj.2.weight": drawn(context, seen),
        "proj.2.bias": drawn(context),
        "proj.3.weight": drawn(context) + 1,
        "proj.3.bias": drawn(context),
    }


def resampler(drawn: Drawn, seen: int, context: int) -> dict[str, Tensor]:
    """Patches to sixteen tokens, in four layers of 128 channels."""
    width = 128
    found = {
        "latents": drawn(1, 16, width, scale=0.3),
        "proj_in.weight": drawn(width, seen),
        "proj_in.bias": drawn(width),
        "proj_out.weight": drawn(context, width),
        "proj_out.bias": drawn(context),
        "norm_out.weight": drawn(context) + 1,
        "norm_out.bias": drawn(context),
    }
    for layer in range(4):
        start = f"layers.{layer}"
        for norm in (f"{start}.0.norm1", f"{start}.0.norm2", f"{start}.1.0"):
            found |= {f"{norm}.weight": drawn(width) + 1, f"{norm}.bias": drawn(width)}
        found |= {
            f"{start}.0.to_q.weight": drawn(width, width),
            f"{start}.0.to_kv.weight": drawn(2 * width, width),
            f"{start}.0.to_out.weight": drawn(width, width),
            f"{start}.1.1.weight": drawn(4 * width, width),
            f"{start}.1.3.weight": drawn(width, 4 * width),
        }
    return found


PROJECTIONS = {"plain": plain_projection, "full": full_projection, "plus": resampler}


def flat(parts: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tables of a file, with their names before those inside."""
    return {f"{part}.{key}": one for part, table in parts.items() for key, one in table.items()}


def encoder_tensors(
    width: int = 64, projection: int = 32, layers: int = 2, side: int = 28, seed: int = 9
) -> dict[str, Tensor]:
    """An encoder of pictures in the layout of transformers, with patches of 14 pixels."""
    drawn, found = Drawn(seed), {}
    start = "vision_model."
    found[f"{start}embeddings.class_embedding"] = drawn(width)
    found[f"{start}embeddings.patch_embedding.weight"] = drawn(width, 3, 14, 14, scale=0.05)
    patches = (side // 14) ** 2
    found[f"{start}embeddings.position_embedding.weight"] = drawn(patches + 1, width)
    for norm in ("pre_layrnorm", "post_layernorm"):
        found |= norm_tensors(drawn, start + norm, width)
    for layer in range(layers):
        own = f"{start}encoder.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found[f"{own}self_attn.{name}.weight"] = drawn(width, width)
            found[f"{own}self_attn.{name}.bias"] = drawn(width)
        for norm in ("layer_norm1", "layer_norm2"):
            found |= norm_tensors(drawn, own + norm, width)
        found[f"{own}mlp.fc1.weight"] = drawn(2 * width, width)
        found[f"{own}mlp.fc1.bias"] = drawn(2 * width)
        found[f"{own}mlp.fc2.weight"] = drawn(width, 2 * width)
        found[f"{own}mlp.fc2.bias"] = drawn(width)
    found["visual_projection.weight"] = drawn(projection, width)
    return found


def norm_tensors(drawn: Drawn, name: str, width: int) -> dict[str, Tensor]:
    """Weight and bias of a normalisation."""
    return {f"{name}.weight": drawn(width) + 1, f"{name}.bias": drawn(width)}


def style_tensors(seen: int, context: int, seed: int = 10) -> dict[str, Tensor]:
    """A T2I-Adapter for styles: three layers, eight tokens."""
    drawn = Drawn(seed)
    found = {
        "style_embedding": drawn(1, 8, seen, scale=0.3),
        "proj": drawn(seen, context),
        **norm_tensors(drawn, "ln_post", seen),
        **norm_tensors(drawn, "ln_pre", seen),
    }
    for layer in range(3):
        own = f"transformer_layes.{layer}"
        found |= {
            f"{own}.attn.in_proj_weight": drawn(3 * seen, seen),
            f"{own}.attn.in_proj_bias": drawn(3 * seen),
            f"{own}.attn.out_proj.weight": drawn(seen, seen),
            f"{own}.attn.out_proj.bias": drawn(seen),
            **norm_tensors(drawn, f"{own}.ln_1", seen),
            f"{own}.mlp.c_fc.weight": drawn(4 * seen, seen),
            f"{own}.mlp.c_fc.bias": drawn(4 * seen),
            f"{own}.mlp.c_proj.weight": drawn(seen, 4 * seen),
            f"{own}.mlp.c_proj.bias": drawn(seen),
            **norm_tensors(drawn, f"{own}.ln_2", seen),
        }
    return found
