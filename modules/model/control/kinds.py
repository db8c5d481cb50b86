"""Tells from names and shapes what network for control a file holds. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from modules.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
Kind = Literal["controlnet", "control-lora", "t2i", "t2i-light", "t2i-style", "ip-adapter"]

LDM_PREFIX = "control_model."
DIFFERENCE = "difference"
"""A tensor in files whose weights are differences from those of the U-Net they go with."""
LORA_MARK = "lora_controlnet"
HINT = "input_hint_block.0.weight"
THEIR_HINT = "controlnet_cond_embedding.conv_in.weight"
IP_STARTS = ("ip_adapter.", "image_proj.")


@dataclass(frozen=True)
class Sign:
    """How a kind of file is recognised; `kind` is None for what cannot be used here."""

    title: str
    matches: Callable[[Shapes], bool]
    kind: Kind | None = None


def has(*names: str) -> Callable[[Shapes], bool]:
    """A test for tensors of these names."""
    return lambda shapes: all(name in shapes for name in names)


def has_any(*names: str) -> Callable[[Shapes], bool]:
    """A test for a tensor of one of these names."""
    return lambda shapes: any(name in shapes for name in names)


def has_start(*starts: str) -> Callable[[Shapes], bool]:
    """A test for any tensor whose name begins like this."""
    return lambda shapes: any(name.startswith(starts) for name in shapes)


SIGNS = (
    Sign("a ControlNet that replaces a part of SDXL (XS)", has_start("ctrl_", "control_to_base")),
    Sign("a face embedding adapter (InstantID)", has_start("image_proj.latents_faceid")),
    Sign("an IP-Adapter", has_start("ip_adapter."), "ip-adapter"),
    Sign("a control LoRA", has(LORA_MARK), "control-lora"),
    Sign("a ControlNet", has_any(LDM_PREFIX + HINT, HINT, THEIR_HINT), "controlnet"),
    Sign("a T2I-Adapter for styles", has("style_embedding"), "t2i-style"),
    Sign("a light T2I-Adapter", has_any("body.0.out_conv.weight"), "t2i-light"),
    Sign("a light T2I-Adapter", has_any("adapter.body.0.out_conv.weight"), "t2i-light"),
    Sign("a T2I-Adapter", has_any("body.0.block1.weight"), "t2i"),
    Sign("a T2I-Adapter", has_any("adapter.body.0.resnets.0.block1.weight"), "t2i"),
    Sign("a ControlNet for Flux", has_start("controlnet_blocks.", "controlnet_x_embedder.")),
    Sign("a ControlNet of the kind LLLite", has_start("lllite_unet_")),
    Sign("a LoRA", has_start("lora_unet_", "lora_te_")),
    Sign("a whole checkpoint", has_start("model.diffusion_model.", "first_stage_model.")),
)
"""The first match counts, so the special come before the general."""


def control_kind(shapes: Shapes, name: str) -> Kind:
    """The kind of the tensors `shapes`; `name` is the file's, for the message.

    Raises ModelError, by name of what the file seems to be, when it is no network for control.
    """
    hint = "ControlNets, control LoRAs, T2I-Adapters and IP-Adapters can be used here."
    for sign in SIGNS:
        if sign.matches(shapes):
            if sign.kind is not None:
                return sign.kind
            raise ModelError(f"{name} looks like {sign.title}, which cannot control here.", hint)
    raise ModelError(f"{name} holds no network for control that is known.", hint)


FAMILY_OF_CONTEXT = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "SDXL"}
"""What prompts' vectors have so many channels."""


def family_title(context: int) -> str:
    """The family whose prompts have `context` channels, in words."""
    return FAMILY_OF_CONTEXT.get(context, f"a model with prompts of {context} channels")
