"""What clients of version 1.8 are used to, where that differs from today's manner."""

from collections.abc import Collection
from dataclasses import replace
from typing import get_args

from modules.param import get_at, params_of, replace_at
from modules.schema.infotext_parse import parse_infotext
from modules.schema.infotext_read import of_old_manner
from modules.schema.request import GenerationRequest
from modules.service.resolve import OLD_MANNER, in_old_manner, resolve_names
from modules.settings.settings import Settings

CHURN_KEYS = {
    "s_churn": "Sigma churn",
    "s_tmin": "Sigma tmin",
    "s_tmax": "Sigma tmax",
    "s_noise": "Sigma noise",
}
"""Fields that 1.8 obeys but mentions in no recipe; as options it mentions them."""


def in_its_manner(request: GenerationRequest, text: str) -> GenerationRequest:
    """`request`, read from the recipe `text`, in the words of the recipe's time.

    Names of samplers from before 1.9 stay whole ("DPM++ 2M Karras"), so that the answer has them,
    too. Numbers are of their field's kind, as in A1111's own schema.
    """
    for item in params_of(GenerationRequest):
        value = get_at(request, item.path)
        if type(value) is int and float in (item.type, *get_args(item.type)):
            request = replace_at(request, item.path, float(value))
    found = parse_infotext(text)
    if "Sampler" not in found or not of_old_manner(found):
        return request
    named = found.get("Schedule type", OLD_MANNER)
    sampling = replace(request.sampling, sampler=found["Sampler"], schedule=named)
    request = replace(request, sampling=resolve_names(sampling))
    if request.hires is not None and request.hires.sampler:
        hires = replace(request.hires, sampler=found["Hires sampler"], schedule=OLD_MANNER)
        request = replace(request, hires=hires)
    return request


def as_written_then(
    settings: Settings, request: GenerationRequest, given: Collection[str]
) -> Settings:
    """Settings under which the recipe of `request` is what 1.8 wrote; `given` are API names."""
    if not in_old_manner(request.sampling):
        return settings
    recipe = settings.recipe
    hidden = (key for name, key in CHURN_KEYS.items() if name in given)
    return replace(settings, recipe=replace(recipe, unwritten=(*recipe.unwritten, *hidden)))
