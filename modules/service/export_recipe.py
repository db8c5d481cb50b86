"""A recipe for other programs: A1111's text, our request as JSON, or a script for diffusers."""

import json
from collections.abc import Sequence
from pprint import pformat
from typing import Any

from modules.errors import InvalidRequest, closest_hint
from modules.prompt.attention import parse_attention
from modules.prompt.networks import LoraWish, lora_wishes, take_networks
from modules.schema.catalogue import CheckpointInfo
from modules.schema.codec import to_plain
from modules.schema.request import GenerationRequest
from modules.service.recipe import Recipe

FORMS = {"infotext": "text/plain", "json": "application/json", "diffusers": "text/x-python"}
"""What there is, with the media type."""

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "LMS": ("LMSDiscreteScheduler", {}),
    "DPM2": ("KDPM2DiscreteScheduler", {}),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {}),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "DPM++ 3M SDE": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
    ),
    "DPM++ 2S a": ("DPMSolverSinglestepScheduler", {}),
    "DPM++ SDE": ("DPMSolverSDEScheduler", {}),
    "DDIM": ("DDIMScheduler", {}),
    "PLMS": ("PNDMScheduler", {"skip_prk_steps": True}),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "LCM": ("LCMScheduler", {}),
}
"""The nearest class of diffusers with its options."""
WITH_SIGMAS = frozenset(
    {"EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler"}
    | {"KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"}
    | {"DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "UniPCMultistepScheduler"}
)
"""Classes that know other schedules than their own."""
SIGMAS = {
    "Karras": "use_karras_sigmas",
    "Exponential": "use_exponential_sigmas",
    "Beta": "use_beta_sigmas",
}
KARRAS_OF_OLD = ("DPM++ 2M", "DPM++ SDE", "DPM++ 2S a", "DPM2", "DPM2 a")
"""Samplers whose Automatic schedule is Karras."""

SCRIPT = '''"""Draws a picture with diffusers, from the recipe of another program.

    pip install diffusers transformers accelerate{packages}
    python THIS_FILE.py MODEL [PICTURE.png]

MODEL is {model}, as a .safetensors file or a folder. The picture will be alike, not the same: the
two programs compute noise and prompts a little otherwise.
{notes}"""

import sys
from pathlib import Path

import torch
from diffusers import {pipeline}, {scheduler}

CALL = {call}
SCHEDULER = {options}
SEED = {seed}
LORAS = {loras}


def main() -> None:
    """Load the model, draw, save."""
    if len(sys.argv) < 2:
        sys.exit("usage: python THIS_FILE.py MODEL [PICTURE.png]")
    model = Path(sys.argv[1])
    load = {pipeline}.from_pretrained if model.is_dir() else {pipeline}.from_single_file
    gpu = torch.cuda.is_available()
    pipe = load(str(model), torch_dtype=torch.float16 if gpu else torch.float32)
    pipe.scheduler = {scheduler}.from_config(pipe.scheduler.config, **SCHEDULER)
    pipe.to("cuda" if gpu else "cpu")
    for name in LORAS:
        pipe.load_lora_weights(".", weight_name=f"{{name}}.safetensors", adapter_name=name)
    if LORAS:
        pipe.set_adapters(list(LORAS), list(LORAS.values()))
    generator = torch.Generator({device}).manual_seed(SEED)
    picture = pipe(**CALL, generator=generator).images[0]
    picture.save(sys.argv[2] if len(sys.argv) > 2 else "picture.png")


if __name__ == "__main__":
    main()
'''


def export_recipe(recipe: Recipe, form: str, checkpoints: Sequence[CheckpointInfo] = ()) -> str:
    """Write a recipe in one of `FORMS`. Raises InvalidRequest for other names, or no recipe.

    `checkpoints` are those that are here: the recipe's model tells which pipeline it needs.
    """
    if form not in FORMS:
        raise InvalidRequest(f"No form called {form!r}.", closest_hint(form, list(FORMS)))
    if not recipe.infotext:
        raise InvalidRequest(
            "This picture carries no recipe to write down.", "Choose one that was saved with it."
        )
    if form == "infotext":
        return recipe.infotext
    if form == "json":
        return json.dumps(to_plain(recipe.request), indent=2, ensure_ascii=False)
    wanted = recipe.request.models.checkpoint
    sizes = (one.native_size for one in checkpoints if wanted and one.title == wanted)
    return diffusers_script(recipe.request, recipe.unmapped, next(sizes, None))


def diffusers_script(
    request: GenerationRequest,
    unmapped: tuple[str, ...] = (),
    native_size: tuple[int, int] | None = None,
) -> str:
    """A program that draws the first pass of `request` with diffusers; says what it leaves out.

    `native_size` is the size in pixels its model was trained at; unknown, the picture's counts.
    """
    notes: list[str] = [f"not read: {one}" for one in unmapped]
    wishes = lora_wishes(take_networks(request.prompt)[1])
    scheduler, options = _scheduler(request, notes)
    call: dict[str, Any] = {
        "prompt": _plain(request.prompt, notes),
        "negative_prompt": _plain(request.negative_prompt, notes),
        "num_inference_steps": request.sampling.steps,
        "guidance_scale": float(request.sampling.cfg_scale),
        "width": request.size.width,
        "height": request.size.height,
    }
    if request.text.clip_skip > 1:
        call["clip_skip"] = request.text.clip_skip - 1
    if request.options.cfg_rescale:
        call["guidance_rescale"] = request.options.cfg_rescale
    _omissions(request, notes)
    side = min(native_size or (request.size.width, request.size.height))
    return SCRIPT.format(
        packages=" peft" if wishes else "",
        model=request.models.checkpoint.replace('"', "'").replace("\\", "/") or "any model",
        notes="".join(f"Left out: {_safe(note)}.\n" for note in dict.fromkeys(notes)),
        pipeline="StableDiffusionXLPipeline" if side >= LARGE else "StableDiffusionPipeline",
        scheduler=scheduler,
        call=pformat(call, sort_dicts=False, width=96),
        options=pformat(options),
        seed=max(request.seeds.seed, 0),
        loras=pformat(_weights(wishes, notes)),
        device='"cpu"' if request.seeds.source == "CPU" else "pipe.device.type",
    )


LARGE = 896
"""Pixels of the shorter side from which on a picture is taken for one of an SDXL model."""


def _weights(wishes: list[LoraWish], notes: list[str]) -> dict[str, float]:
    if any(wish.blocks or wish.course or wish.te != wish.unet for wish in wishes):
        notes.append("weights of a LoRA that differ by part or by step")
    return {wish.name: wish.unet for wish in wishes}


def _scheduler(request: GenerationRequest, notes: list[str]) -> tuple[str, dict[str, Any]]:
    name, schedule = request.sampling.sampler, request.sampling.schedule
    found = SCHEDULERS.get(name)
    if found is None:
        notes.append(f"the sampler {name}, Euler is taken")
        found = SCHEDULERS["Euler"]
    kind, options = found[0], dict(found[1])
    if schedule == "Automatic" and name in KARRAS_OF_OLD:
        schedule = "Karras"
    if schedule in SIGMAS and kind in WITH_SIGMAS:
        options[SIGMAS[schedule]] = True
    elif schedule not in ("Automatic", "Uniform", "Normal", ""):
        notes.append(f"the schedule {schedule}")
    return kind, options


def _plain(prompt: str, notes: list[str]) -> str:
    """A prompt as diffusers reads it: without weights, marks and turns."""
    text, networks = take_networks(prompt)
    if any(network.kind not in ("lora", "lyco") for network in networks):
        notes.append("networks that are no LoRA")
    segments = parse_attention(text)
    if any(one.weight != 1 for one in segments):
        notes.append("weights of words, such as (word:1.2)")
    if "|" in text or " AND " in text:
        notes.append("prompts joined by AND, and words that take turns")
    return "".join(" " if one.is_break else one.text for one in segments).strip()


def _omissions(request: GenerationRequest, notes: list[str]) -> None:
    if request.hires is not None:
        notes.append("the second pass (hires. fix)")
    if request.refiner.checkpoint:
        notes.append("the refiner")
    if request.seeds.subseed_strength:
        notes.append("the variation seed")
    if request.models.vae not in ("", "Automatic", "None"):
        notes.append(f"the VAE {request.models.vae}")
    if request.img2img is not None:
        notes.append("the picture it began with")


def _safe(note: str) -> str:
    """Text for inside a docstring."""
    return note.replace("\\", "/").replace('"', "'").replace("\n", " ")
