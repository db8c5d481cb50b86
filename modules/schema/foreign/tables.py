"""Programs that keep their parameters as a flat table: Fooocus, SwarmUI, Easy Diffusion, diffusers.

Whoever draws with diffusers from a script has no format to keep to; what is read is a table whose
names are those of a pipeline's arguments, which several pages and Easy Diffusion write.
"""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from modules.schema.foreign.values import (
    SIDES,
    Facts,
    Pairs,
    Reading,
    lora_marks,
    plain_name,
    size,
    text_of,
    written,
)

FOOOCUS_QUIET = ("version", "full_prompt", "full_negative_prompt", "metadata_scheme", "created_by")
FOOOCUS_MARKS = ("base_model", "performance", "adm_guidance")
SWARM_QUIET = [
    "swarm_version",
    "aspectratio",
    "images",
    "batchsize",
    "date",
    "generation_time",
    "automaticvae",
    "model_hash",
]
DIFFUSERS_QUIET = [
    "num_images_per_prompt",
    "output_type",
    "num_outputs",
    "device",
    "version",
    "stream_progress_updates",
    "stream_image_progress",
    "session_id",
    "username",
]


def read_fooocus(table: Mapping[str, Any]) -> Reading | None:
    """Read the JSON of Fooocus; None if it is something else."""
    facts = Facts(table)
    if not any(key in facts for key in FOOOCUS_MARKS):
        return None
    listed = facts.take("loras")
    loras = (
        (one[0], one[1])
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, list) and len(one) >= 2
    )
    sides = SIDES.fullmatch(facts.text("resolution").strip())

    def pairs() -> Pairs:
        yield "Steps", facts.number("steps", otherwise=30)
        yield from facts.sampler(facts.text("sampler"), facts.text("scheduler"))
        yield "CFG scale", facts.number("guidance_scale", otherwise=4)
        yield "Seed", facts.number("seed")
        yield from size(*(sides.groups() if sides else (None, None)))
        yield "Model hash", facts.text("base_model_hash")
        yield "Model", plain_name(facts.text("base_model"))
        skip = facts.number("clip_skip")
        yield "Clip skip", skip if skip and skip > 1 else None
        if facts.text("vae") not in ("", "Default (model)"):
            yield "VAE", facts.text("vae")
        refiner = facts.text("refiner_model")
        if refiner not in ("", "None"):
            yield "Refiner", plain_name(refiner)
            yield "Refiner switch at", facts.number("refiner_switch")
        facts.take("refiner_switch")

    prompt = facts.text("prompt") + lora_marks(loras)
    text = written(prompt, facts.text("negative_prompt"), pairs())
    return Reading(program="Fooocus", infotext=text, unmapped=facts.left(FOOOCUS_QUIET))


def read_swarm(table: Mapping[str, Any]) -> Reading | None:
    """Read SwarmUI's JSON, which has everything below `sui_image_params`; None for others."""
    outer = Facts(table)
    facts = outer.part("sui_image_params")
    if not any(key in facts for key in ("prompt", "model", "seed", "steps")):
        return None
    names, weights = facts.take("loras"), facts.take("loraweights")
    loras = zip_longest(_texts(names), _texts(weights)[: len(_texts(names))])

    def pairs() -> Pairs:
        yield "Steps", facts.number("steps", otherwise=20)
        yield from facts.sampler(facts.text("sampler") or "euler", facts.text("scheduler"))
        yield "CFG scale", facts.number("cfgscale", otherwise=7)
        yield "Seed", facts.number("seed")
        yield from size(facts.take("width"), facts.take("height"))
        yield "Model", plain_name(facts.text("model"))
        yield "VAE", facts.text("vae")
        layer = facts.number("clipstopatlayer")
        yield "Clip skip", -int(layer) if layer and layer < -1 else None
        strength = facts.number("variationseedstrength")
        if strength:
            yield "Variation seed", facts.number("variationseed")
            yield "Variation seed strength", strength
        facts.take("variationseed")
        yield "Denoising strength", facts.number("initimagecreativity")
        yield "RNG", "CPU"

    prompt = facts.text("prompt") + lora_marks(loras)
    text = written(prompt, facts.text("negativeprompt"), pairs())
    return Reading(program="SwarmUI", infotext=text, unmapped=facts.left(SWARM_QUIET))


def _texts(value: Any) -> list[str]:
    """A list of texts, or one text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(one) for one in value] if isinstance(value, list) else []


def read_diffusers(table: Mapping[str, Any]) -> Reading | None:
    """Read a table of a pipeline's arguments; None if it is something else."""
    facts = Facts(table)
    if not ("num_inference_steps" in facts or "guidance_scale" in facts) or "prompt" not in facts:
        return None
    program = "Easy Diffusion" if "use_stable_diffusion_model" in facts else "diffusers"
    sides = SIDES.fullmatch(facts.text("resolution").strip())
    names, weights = _texts(facts.take("use_lora_model")), _texts(facts.take("lora_alpha"))

    def pairs() -> Pairs:
        yield "Steps", facts.number("num_inference_steps", otherwise=50)
        told = facts.text("scheduler", "sampler_name", "sampler")
        ours = told in ("Euler", "Euler a", "DPM++ 2M", "DPM++ SDE", "DDIM", "Heun", "LMS")
        if ours:
            yield "Sampler", told
        else:
            yield from facts.sampler(told or "pndm")
        yield "CFG scale", facts.number("guidance_scale", otherwise=7.5)
        yield "Seed", facts.number("seed")
        width, height = facts.take("width"), facts.take("height")
        yield from size(*(sides.groups() if sides else (width, height)))
        model = facts.take("use_stable_diffusion_model", "model", "model_id", "Model")
        if isinstance(model, dict):
            yield "Model hash", text_of(model.get("Model hash"))
            model = model.get("Model") or model.get("name")
        yield "Model", plain_name(text_of(model))
        yield "VAE", facts.text("use_vae_model")
        yield "Clip skip", 2 if facts.take("clip_skip") in (True, "True", "true", 1) else None
        yield "Denoising strength", facts.number("prompt_strength", "strength")
        yield "CFG Rescale φ", facts.number("guidance_rescale", otherwise=0) or None
        yield "RNG", "CPU"

    marks = lora_marks(zip_longest(names, weights[: len(names)]))
    text = written(facts.text("prompt") + marks, facts.text("negative_prompt"), pairs())
    return Reading(program=program, infotext=text, unmapped=facts.left(DIFFUSERS_QUIET))
