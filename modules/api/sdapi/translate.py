"""Between A1111's JSON and our records, in both directions."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modules.api.coercion import coerce
from modules.api.controlnet.units import CONTROLNET, units_of
from modules.api.errors import LegacyError
from modules.api.overrides import permitted
from modules.api.scripts import script_call
from modules.api.sdapi.dynamic_prompts import is_dynamic_prompts, with_dynamic_prompts
from modules.api.sdapi.foreign_scripts import is_foreign, with_foreign_scripts
from modules.api.sdapi.manner import as_written_then, in_its_manner
from modules.api.sdapi.pictures import SOFT_INPAINTING, hires_of, img2img_of
from modules.api.sdapi.schemas import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.errors import NotFound
from modules.param import get_at, params_of, replace_at
from modules.sampling.catalogue import AUTOMATIC, resolve_sampler
from modules.schema.infotext import BASE_KEYS
from modules.schema.infotext_parse import parse_infotext
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.schema.script_call import ScriptCall
from modules.service.app import App
from modules.service.job import Snapshot
from modules.service.resolve import OLD_MANNER
from modules.service.scripts.catalogue import all_scripts, tab_of
from modules.settings.settings import Settings
from modules.settings.store import request_fields
from modules.version import RECIPE_VERSION

BY_HAND = frozenset({"sampler_name", "scheduler", "width", "height", "denoising_strength"})
"""API names whose meaning is more than "this field"."""
OPTIONAL_PARTS = ("hires.", "img2img.")
"""Parts of a request that exist only when they are switched on."""
WITHOUT_EFFECT = frozenset({"initial_noise_multiplier", "s_min_uncond"})
"""Overrides that A1111 reads too late; the field of the same name works."""
NOT_EXTRA = frozenset({*BASE_KEYS, "Prompt", "Negative prompt", "Size-1", "Size-2", "Version"})


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A request from A1111's JSON, with what belongs to it but does not change pixels."""

    request: GenerationRequest
    settings: Settings
    size_given: bool
    styles: tuple[str, ...]


def to_request(body: StableDiffusionProcessing, app: App) -> Translated:
    """Make our request of a body. Raises a WebUIError with A1111's status and words."""
    refuse_unavailable(body, app)
    overrides = {
        name: value
        for name, value in permitted(body.override_settings or {}).items()
        if name not in WITHOUT_EFFECT
    }
    settings, base = app.settings.with_overrides(overrides)
    given = {name for name in body.model_fields_set if getattr(body, name) is not None}
    size_given = bool({"width", "height"} & given)
    request = _with_pictures(_with_sampler(_sized(_fill(base, body), body), body), body)
    named: tuple[str, ...] = ()
    if body.infotext:
        recipe = app.read_recipe(body.infotext, request, settings.recipe)
        size_given = size_given or recipe.size_given
        filled = in_its_manner(recipe.request, body.infotext)
        request = _overridden(_fill(filled, body, given), base, overrides)
        request = _sized(request, body, given)
        if given & {"sampler_name", "sampler_index", "scheduler"}:
            request = _with_sampler(request, body)
        request = _with_pictures(request, body, given)
        named = recipe.styles
    if body.eta is not None:  # goes to any sampler, before DDIM's own option
        request = replace_at(request, "options.eta_ddim", body.eta)
    if body.restore_faces is not None:
        restorer = settings.faces.model if body.restore_faces else ""
        request = replace_at(request, "faces.restorer", restorer)
    styles = tuple(body.styles or ())
    prompt, negative = app.styles().apply(styles, request.prompt, request.negative_prompt)
    request = replace(request, prompt=prompt, negative_prompt=negative)
    if request.hires is not None:
        request = replace(request, hires=_with_styles(request.hires, app, styles))
    script = _script_of(body, request, app)  # not that of a recipe
    request = replace(request, script=script, control=units_of(body.alwayson_scripts))
    request = with_dynamic_prompts(request, body.alwayson_scripts)
    request = with_foreign_scripts(request, body, app)
    settings = as_written_then(settings, request, given)
    return Translated(
        request=request, settings=settings, size_given=size_given, styles=styles or named
    )


def refuse_unavailable(body: StableDiffusionProcessing, app: App) -> None:
    """Raise for what a request asks that cannot be done here; silence would draw something else."""
    for name, script in (body.alwayson_scripts or {}).items():
        plain = name.strip().lower()
        if plain in (SOFT_INPAINTING, CONTROLNET) or is_foreign(app, plain):
            continue
        if is_dynamic_prompts(plain):
            continue
        if plain in (one.title.lower() for one in all_scripts()):
            raise LegacyError(
                422, "Selectable scripts are not allowed in alwayson_scripts; use script_name."
            )
        if isinstance(script, Mapping) and _asks_for_something(script.get("args")):
            raise LegacyError(422, f"Script '{name}' not found")


def _script_of(
    body: StableDiffusionProcessing, request: GenerationRequest, app: App
) -> ScriptCall | None:
    """The script that a body names, with its positional arguments; None without one of ours."""
    if not body.script_name or is_foreign(app, body.script_name):
        return None
    try:
        return script_call(body.script_name, body.script_args or [], tab_of(request))
    except NotFound as error:
        raise LegacyError(422, f"Script '{body.script_name}' not found", str(error)) from error


def _asks_for_something(arguments: Any) -> bool:
    """Clients mention scripts they do not use, with no arguments or with a plain "off"."""
    if not isinstance(arguments, list):
        return False
    return any(
        bool(one.get("enabled", True)) if isinstance(one, Mapping) else one is True
        for one in arguments
    )


def _fill(
    request: GenerationRequest, body: StableDiffusionProcessing, only: set[str] | None = None
) -> GenerationRequest:
    """Copy plain fields; those that are null keep what `request` has."""
    for item in params_of(GenerationRequest):
        name = item.param.api
        optional = item.path.startswith(OPTIONAL_PARTS)
        if not name or optional or name in BY_HAND or not hasattr(body, name):
            continue
        value = getattr(body, name)
        if value is not None and (only is None or name in only):
            request = replace_at(request, item.path, coerce(item, value))
    return request


def _sized(
    request: GenerationRequest, body: StableDiffusionProcessing, only: set[str] | None = None
) -> GenerationRequest:
    for side in ("width", "height"):
        if only is None or side in only:
            request = replace_at(request, f"size.{side}", getattr(body, side) or 512)
    return request


def _with_pictures(
    request: GenerationRequest, body: StableDiffusionProcessing, only: set[str] | None = None
) -> GenerationRequest:
    """Set the parts about pictures and the second pass; `only` as in `hires_of`."""
    if isinstance(body, StableDiffusionProcessingImg2Img):
        img2img = img2img_of(body) if request.img2img is None else request.img2img
        return replace(request, img2img=img2img, hires=None)
    assert isinstance(body, StableDiffusionProcessingTxt2Img)
    width, height = body.firstphase_width, body.firstphase_height
    hires = hires_of(body, request.hires if only is not None else None, only)
    if hires is not None and width and height:
        request = replace(request, size=replace(request.size, width=width, height=height))
    return replace(request, hires=hires)


def _with_styles(hires: Hires, app: App, styles: tuple[str, ...]) -> Hires:
    """Add the styles to prompts of the second pass; an empty one is that of the first."""
    prompt, negative = app.styles().apply(styles, hires.prompt, hires.negative_prompt)
    return replace(
        hires,
        prompt=prompt if hires.prompt else "",
        negative_prompt=negative if hires.negative_prompt else "",
    )


def _overridden(
    request: GenerationRequest, base: GenerationRequest, overrides: Mapping[str, Any]
) -> GenerationRequest:
    """Let `override_settings`, which `base` has, win over a recipe."""
    for name in overrides:
        item = request_fields().get(name)
        if item is not None:
            request = replace_at(request, item.path, get_at(base, item.path))
    return request


def _with_sampler(request: GenerationRequest, body: StableDiffusionProcessing) -> GenerationRequest:
    """Set sampler and schedule; without a `scheduler` the name has its meaning of version 1.8.

    Clients older than 1.9 know no schedules: to them "DPM++ 2M" is one sampler, and
    "DPM++ 2M Karras" another. Newer ones always say which schedule they want.
    """
    name = body.sampler_name or body.sampler_index or "Euler"
    by_hand = request.sampling.schedule
    schedule = body.scheduler or (OLD_MANNER if by_hand == AUTOMATIC else by_hand)
    try:
        resolved = resolve_sampler(name, schedule or AUTOMATIC)
    except NotFound as error:
        if error.kind == "sampler":
            raise LegacyError(400, "Sampler not found", str(error)) from error
        raise LegacyError(400, "Scheduler not found", str(error)) from error
    if body.scheduler and schedule.strip().lower() != AUTOMATIC.lower():
        schedule = resolved.schedule.name
    request = replace_at(request, "sampling.sampler", name)
    return replace_at(request, "sampling.schedule", schedule)


def parameters_of(body: StableDiffusionProcessing, request: GenerationRequest) -> dict[str, Any]:
    """Echo a request with every field present, as it was understood."""
    echo = body.model_dump()
    if not getattr(body, "include_init_images", False):
        echo |= {name: None for name in ("init_images", "mask") if name in echo}
    for item in params_of(GenerationRequest):
        if body.infotext and item.param.api in echo and not item.path.startswith(OPTIONAL_PARTS):
            echo[item.param.api] = get_at(request, item.path)
    return echo


def info_of(
    snapshot: Snapshot, images: list[GeneratedImage], styles: tuple[str, ...], model_hash: str
) -> str:
    """Write the `info` of a reply: what was drawn, as JSON text."""
    request = snapshot.task
    assert isinstance(request, GenerationRequest)
    drawn = [image for image in images if image.kind == "image"]
    first = parse_infotext(drawn[0].infotext) if drawn else {}
    total = request.batch.total if request.script is None else max(1, len(drawn))
    seeds, varied = request.seeds, request.seeds.subseed_strength > 0
    known = dict(enumerate(drawn)) if request.script else {one.index: one for one in drawn}

    def each(name: str, default: Any) -> list[Any]:
        return [
            getattr(known[index], name) if index in known else default(index)
            for index in range(total)
        ]

    prompts = each("prompt", lambda index: request.prompt)
    negatives = each("negative_prompt", lambda index: request.negative_prompt)
    seed_list = each("seed", lambda index: seeds.seed + (0 if varied else index))
    subseeds = each("subseed", lambda index: seeds.subseed + index)
    info = {
        "prompt": prompts[0],
        "all_prompts": prompts,
        "negative_prompt": negatives[0],
        "all_negative_prompts": negatives,
        "seed": seed_list[0],
        "all_seeds": seed_list,
        "subseed": subseeds[0],
        "all_subseeds": subseeds,
        "subseed_strength": seeds.subseed_strength,
        "width": request.size.width,
        "height": request.size.height,
        "sampler_name": request.sampling.sampler,
        "cfg_scale": request.sampling.cfg_scale,
        "steps": request.sampling.steps,
        "batch_size": request.batch.batch_size,
        "restore_faces": bool(request.faces.restorer),
        "face_restoration_model": request.faces.restorer or None,
        "sd_model_name": first.get("Model", ""),
        "sd_model_hash": first.get("Model hash", model_hash),
        "sd_vae_name": first.get("VAE"),
        "sd_vae_hash": first.get("VAE hash"),
        "seed_resize_from_w": seeds.resize_from_w or -1,
        "seed_resize_from_h": seeds.resize_from_h or -1,
        "denoising_strength": first.get("Denoising strength")
        and (request.img2img or request.hires or Hires()).denoising_strength,
        "extra_generation_params": {k: v for k, v in first.items() if k not in NOT_EXTRA},
        "index_of_first_image": 1 if images and images[0].kind == "grid" else 0,
        "infotexts": [image.infotext for image in images],
        "styles": list(styles),
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(snapshot.created)),
        "clip_skip": request.text.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": RECIPE_VERSION,
    }
    return json.dumps(info, ensure_ascii=False)
