"""Tells a model's family from the names and shapes of its tensors. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modules.errors import ModelError
from modules.model.families.flux import FLUX
from modules.model.families.ldm import LDM
from modules.model.families.record import Family
from modules.model.families.sd1 import SD1
from modules.model.families.sd2 import SD2, SD2_TURBO
from modules.model.families.sd3 import SD3
from modules.model.families.sdxl import SDXL, SDXL_REFINER
from modules.model.families.unclip import UNCLIP

Shapes = Mapping[str, tuple[int, ...]]

FAMILIES: dict[str, Family] = {
    family.name: family for family in (SD1, SD2, UNCLIP, SDXL, SDXL_REFINER, LDM, SD3, FLUX)
}
"""Every family that can be drawn with, by name."""

UNET = "model.diffusion_model."
FIRST_CONV = f"{UNET}input_blocks.0.0.weight"
LABEL = f"{UNET}label_emb.0.0.weight"
OPEN_CLIP = "cond_stage_model.model."

DIFFUSERS_FIRST = "unet.conv_in.weight"
"""In every file that holds a whole model under diffusers' names."""
DIFFUSERS_LABEL = "unet.add_embedding.linear_1.weight"
DIFFUSERS_PROJECTION = "unet.down_blocks.0.attentions.0.proj_in.weight"


@dataclass(frozen=True)
class Sign:
    """How a kind of file is recognised; `family` is None for what cannot be drawn with."""

    title: str
    matches: Callable[[Shapes], bool]
    family: Family | None = None


def has(*names: str) -> Callable[[Shapes], bool]:
    """A test for tensors of these names."""
    return lambda shapes: all(name in shapes for name in names)


def has_start(*starts: str) -> Callable[[Shapes], bool]:
    """A test for any tensor whose name begins like this."""
    return lambda shapes: any(name.startswith(starts) for name in shapes)


def is_refiner(shapes: Shapes) -> bool:
    """Whether there is one text encoder in SDXL's place, and a network told of sizes."""
    return LABEL in shapes and has_start("conditioner.embedders.0.model.")(shapes)


def is_bare(name: str, width: int) -> Callable[[Shapes], bool]:
    """A test for a matrix of that many columns in a file without any text encoder."""
    return lambda shapes: (
        shapes.get(name, ())[1:] == (width,)
        and not any(key.startswith(("conditioner.", "cond_stage_model.")) for key in shapes)
    )


def is_open_clip_with_label(shapes: Shapes) -> bool:
    """Whether a second version's network is told of more than text, in words."""
    return LABEL in shapes and has_start(OPEN_CLIP)(shapes)


def is_open_clip_with_classes(shapes: Shapes) -> bool:
    """The same with a table of classes: noise levels, in the four times upscaler."""
    return f"{UNET}label_emb.weight" in shapes and has_start(OPEN_CLIP)(shapes)


def is_second_in_diffusers(shapes: Shapes) -> bool:
    """Whether transformers begin with a matrix; the first version's do with a convolution."""
    return DIFFUSERS_FIRST in shapes and len(shapes.get(DIFFUSERS_PROJECTION, ())) == 2


def is_refiner_in_diffusers(shapes: Shapes) -> bool:
    """Whether a network told of sizes comes with the second text encoder only."""
    return has(DIFFUSERS_FIRST, DIFFUSERS_LABEL)(shapes) and not has_start("text_encoder.")(shapes)


# The first match counts, so the special come before the general.
SIGNS = (
    Sign(SD3.title, has_start(f"{UNET}joint_blocks.", "joint_blocks."), SD3),
    Sign(FLUX.title, has_start(f"{UNET}double_blocks.", "double_blocks."), FLUX),
    Sign(SDXL_REFINER.title, is_refiner_in_diffusers, SDXL_REFINER),
    Sign(SDXL.title, has(DIFFUSERS_FIRST, DIFFUSERS_LABEL), SDXL),
    Sign(SD2.title, is_second_in_diffusers, SD2),
    Sign(SD1.title, has(DIFFUSERS_FIRST, DIFFUSERS_PROJECTION), SD1),
    Sign(SDXL.title, has_start("conditioner.embedders.1.model."), SDXL),
    Sign(SDXL_REFINER.title, is_refiner, SDXL_REFINER),
    Sign(SD2.title, has_start("conditioner.embedders.0.model."), SD2_TURBO),
    Sign("SDXL without its text encoders", is_bare(LABEL, 2816)),
    Sign("the SDXL refiner without its text encoder", is_bare(LABEL, 2560)),
    Sign(UNCLIP.title, is_open_clip_with_label, UNCLIP),
    Sign("a Stable Diffusion 2 upscaler", is_open_clip_with_classes),
    Sign(SD2.title, has_start(OPEN_CLIP), SD2),
    Sign("AltDiffusion", has_start("cond_stage_model.roberta.")),
    Sign(LDM.title, has_start("cond_stage_model.transformer.token_emb."), LDM),
    Sign("Stable Cascade", has_start("down_blocks.0.0.channelwise.")),
    Sign("a LoRA", has_start("lora_unet_", "lora_te_", "lora_te1_", "unet.down_blocks.0.attent")),
    Sign("a ControlNet", has_start("control_model.", "input_hint_block.", "controlnet_cond_emb")),
    Sign("a hypernetwork or a set of embeddings", has_start("emb_params", "clip_g", "string_to")),
    Sign(SD1.title, has_start(FIRST_CONV), SD1),
    Sign("a VAE on its own", has_start("decoder.conv_in.", "first_stage_model.decoder.")),
    Sign("an upscaler", has_start("conv_first.", "model.0.weight", "model.1.sub.")),
)


def detect_family(shapes: Shapes, name: str) -> Family:
    """The family of the tensors `shapes`; `name` is the file's, for the message.

    Raises ModelError, by name of what the file seems to be, when it cannot be drawn with.
    """
    known = ", ".join(family.title for family in FAMILIES.values())
    hint = f"What can be drawn with: {known}."
    for sign in SIGNS:
        if sign.matches(shapes):
            if sign.family is not None:
                return sign.family
            raise ModelError(
                f"{name} looks like {sign.title}, which Easel cannot draw with yet.", hint
            )
    raise ModelError(f"{name} is of an unknown architecture.", hint)
