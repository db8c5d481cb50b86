"""A picture's recipe as text, in the words and the order of A1111's webui.

Three parts joined by newlines: the prompt, `Negative prompt: ...` if there is one, and a line of
`Key: value` pairs. Other programs read it, so names, order and number format are behaviour.
"""

import json
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from typing import Any

from modules.param import Field, get_at, params_of
from modules.schema.control_text import control_entries
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

Value = str | int | float | bool | None

BASE_KEYS = (
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Image CFG scale",
    "Seed",
    "Face restoration",
    "Size",
    "Model hash",
    "Model",
    "FP8 weight",
    "Cache FP16 weight for LoRA",
    "VAE hash",
    "VAE",
    "Variation seed",
    "Variation seed strength",
    "Seed resize from",
    "Denoising strength",
    "Conditional mask weight",
    "Clip skip",
    "ENSD",
    "Token merging ratio",
    "Token merging ratio hr",
    "Init image hash",
    "RNG",
    "NGMS",
    "Tiling",
)
"""The keys with a fixed place, in A1111's order."""

EXTRA_KEYS = (
    "Hires checkpoint",
    "Hires sampler",
    "Hires schedule type",
    "Hires prompt",
    "Hires negative prompt",
    "Hires CFG Scale",
    "Hires upscale",
    "Hires resize",
    "Hires steps",
    "Hires upscaler",
    "Mask mode",
    "Mask blur",
    "Inpaint area",
    "Masked area padding",
    "Masked content",
    "VAE Encoder",
    "Lora hashes",
    "TI hashes",
    "Emphasis",
    "Prompt syntax",
    "Old prompt editing timelines",
    "Downcast alphas_cumprod",
    "Noise Schedule",
    "Discard penultimate sigma",
    "Schedule min sigma",
    "Schedule max sigma",
    "Schedule rho",
    "Beta schedule alpha",
    "Beta schedule beta",
    "SGM noise multiplier",
    "Extra noise",
    "Eta",
    "Eta DDIM",
    "Sigma churn",
    "Sigma tmin",
    "Sigma tmax",
    "Sigma noise",
    "UniPC variant",
    "UniPC skip type",
    "UniPC order",
    "UniPC lower order final",
    "Skip Early CFG",
    "NGMS all steps",
    "CFG Rescale φ",
    "Pad conds",
    "Pad conds v0",
    "Refiner",
    "Refiner switch at",
    "Refiner switch by sampling steps",
    "Hires refiner",
    "Noise multiplier",
    "VAE Decoder",
    "Postprocess upscale by",
    "Postprocess upscaler",
)
"""The order in which A1111's stages add the rest. Keys of scripts come before these."""

DRAWING_KNOWS = frozenset(
    {
        "Emphasis",
        "Pad conds",
        "Pad conds v0",
        "Extra noise",
        "Int8 convolutions",
        "Noise multiplier",
        "Conditional mask weight",
        "Image CFG scale",
        "Refiner",
        "Refiner switch at",
        "Refiner switch by sampling steps",
        "Hires refiner",
    }
)
"""Written only when it happened, which the request alone does not tell."""

UNWRITTEN_BY_1_8 = frozenset(
    {
        "Schedule type",
        "UniPC variant",
        "UniPC skip type",
        "UniPC order",
        "UniPC lower order final",
    }
)
"""Left out for requests in the manner of 1.8, so that the text equals what that version wrote."""

Condition = Callable[[Any], bool]

WRITTEN_IF: dict[str, Condition] = {
    "Steps": lambda value: True,
    "Sampler": lambda value: True,
    "Schedule type": bool,
    "CFG scale": lambda value: True,
    "VAE": lambda value: value not in ("", "Automatic", "None"),
    "Denoising strength": lambda value: value is not None,
    "Hires upscale": lambda value: value is not None,
    "Hires upscaler": bool,
    "Clip skip": lambda value: value > 1,
    "RNG": lambda value: value != "GPU",
    "Eta": lambda value: value not in (None, 1),
    "Mask blur": lambda value: value > 0,
    "Masked area padding": lambda value: True,
}
"""A1111's conditions where they are not simply "differs from the default"."""

SOFT = "img2img.inpaint.soft."
"""Where soft inpainting is: all of its values are written, or none."""

BY_HAND = frozenset({"Seed", "Variation seed", "Variation seed strength"})
"""Keys whose value belongs to the picture and not to the job."""


@lru_cache
def recipe_fields() -> dict[str, tuple[Field, ...]]:
    """Every field of a request that has a place in the recipe, by its key."""
    found: dict[str, tuple[Field, ...]] = {}
    for item in params_of(GenerationRequest):
        if item.param.infotext:
            key = item.param.infotext
            found[key] = (*found.get(key, ()), item)
    return found


def write_infotext(
    request: GenerationRequest,
    image: GeneratedImage,
    *,
    version: str,
    user: str = "",
    omit: Collection[str] = (),
    applies: Callable[[str], bool] = lambda path: True,
) -> str:
    """Write the recipe of `image`, drawn for `request`.

    `image.facts` wins over the request and brings what only the drawing knew. `omit` names keys to
    leave out. `applies` tells for a path such as "options.s_churn" whether the sampler looks at it;
    A1111 mentions only what does. A request whose `sampling.schedule` is empty is in the manner of
    1.8, where the sampler's name said it all ("DPM++ 2M Karras"), and gets that version's text.
    """
    entries = {
        key: value
        for key, value in _entries(request, image, version, user, applies)
        if value is not None and key not in omit
    }
    line = ", ".join(
        key if key == str(value) else f"{key}: {quote(value)}" for key, value in entries.items()
    )
    negative = f"Negative prompt: {image.negative_prompt}" if image.negative_prompt else ""
    return "\n".join(part for part in (image.prompt, negative, line) if part).strip()


def quote(value: Value) -> str:
    """Write one value; text that would break the line apart becomes a JSON string."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",\n:") else text


def _entries(
    request: GenerationRequest,
    image: GeneratedImage,
    version: str,
    user: str,
    applies: Callable[[str], bool],
) -> Iterator[tuple[str, Value]]:
    """All keys with their values, in writing order; None where there is nothing to say."""
    values: dict[str, Value] = dict(_from_request(request, applies))
    values |= _of_picture(request, image)
    values |= _of_passes(request)
    values |= _of_template(request, image)
    values |= control_entries(request.control)
    facts = dict(image.facts)
    if request.sampling.schedule != "Automatic":  # asked for by name: written as it was asked
        facts.pop("Schedule type", None)
    values |= facts
    if not request.sampling.schedule:
        values = {key: value for key, value in values.items() if key not in UNWRITTEN_BY_1_8}
    known = {*BASE_KEYS, *EXTRA_KEYS}
    foreign = [key for key in values if key not in known]
    for key in (*BASE_KEYS, *foreign, *EXTRA_KEYS):
        yield key, values.get(key)
    yield "Version", version or None
    yield "User", user or None


def _from_request(
    request: GenerationRequest, applies: Callable[[str], bool]
) -> Iterator[tuple[str, Value]]:
    for key, places in recipe_fields().items():
        if key in BY_HAND or key in DRAWING_KNOWS:
            continue
        for item in places:
            value = get_at(request, item.path)
            condition = WRITTEN_IF.get(key, lambda value, item=item: value != item.default)
            if item.path.startswith(SOFT):
                condition = bool if item.name == "enabled" else lambda value: True
            if value is not None and condition(value) and applies(item.path):
                yield key, value


def _of_picture(request: GenerationRequest, image: GeneratedImage) -> dict[str, Value]:
    seeds, size = request.seeds, request.size
    values: dict[str, Value] = {"Seed": image.seed, "Size": f"{size.width}x{size.height}"}
    if seeds.subseed_strength:
        values["Variation seed"] = image.subseed
        values["Variation seed strength"] = seeds.subseed_strength
    if seeds.resize_from_w > 0 and seeds.resize_from_h > 0:
        values["Seed resize from"] = f"{seeds.resize_from_w}x{seeds.resize_from_h}"
    return values


def _of_template(request: GenerationRequest, image: GeneratedImage) -> dict[str, Value]:
    """What the picture's texts were made of, under the keys of the Dynamic Prompts extension."""
    if not request.wordings:
        return {}
    words, hires = request.wording(image.index), request.hires
    values: dict[str, Value] = {}
    if words.prompt != request.prompt:
        values["Template"] = request.prompt
    if words.negative_prompt != request.negative_prompt:
        values["Negative Template"] = request.negative_prompt
    if hires is not None and hires.prompt:
        values["Hires prompt"] = words.hires_prompt
    if hires is not None and hires.negative_prompt:
        values["Hires negative prompt"] = words.hires_negative_prompt
    return values


def _of_passes(request: GenerationRequest) -> dict[str, Value]:
    """What depends on more than one field; None hides a key."""
    merged, again = request.token_merging(), request.token_merging(second_pass=True)
    values: dict[str, Value] = {
        "Token merging ratio": merged or None,
        "Token merging ratio hr": (again or None) if request.hires is not None else None,
    }
    if request.options.step_cache <= 1:
        values |= dict.fromkeys(("Step cache depth", "Step cache start"))
    if request.afterwards.upscaler:
        values["Postprocess upscale by"] = request.afterwards.factor
    hires = request.hires
    if hires is not None and (hires.resize_x or hires.resize_y):
        values["Hires upscale"] = None
        values["Hires resize"] = f"{hires.resize_x}x{hires.resize_y}"
    inpaint = request.img2img.inpaint if request.img2img is not None else None
    if inpaint is not None:
        if inpaint.area != "Only masked":
            values["Masked area padding"] = None
        if not inpaint.is_soft:
            soft = (
                key for key, (item, *_) in recipe_fields().items() if item.path.startswith(SOFT)
            )
            values |= dict.fromkeys(soft)
    return values
