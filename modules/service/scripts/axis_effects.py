"""What axes of the X/Y/Z plot do to a request that is more than setting a field."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modules.param import replace_at
from modules.schema.request import GenerationRequest, Size
from modules.service.scripts.axis_values import split_list


@dataclass(frozen=True)
class Values:
    """All values of an axis, with what some axes need to know of the first of them."""

    all: Sequence[Any]
    styles: Any = None


Apply = Callable[[GenerationRequest, Any, Values], GenerationRequest]


def nothing(request: GenerationRequest, value: Any, values: Values) -> GenerationRequest:
    """The request as it is."""
    return request


def replaced(request: GenerationRequest, value: str, values: Values) -> GenerationRequest:
    """Prompt S/R: the first value is what is searched for."""
    searched = values.all[0]
    return replace(
        request,
        prompt=request.prompt.replace(searched, value),
        negative_prompt=request.negative_prompt.replace(searched, value),
    )


def ordered(
    request: GenerationRequest, value: tuple[str, ...], values: Values
) -> GenerationRequest:
    """Prompt order: the places where the words stand get them in another order."""
    places = sorted((request.prompt.find(word), word) for word in value)
    prompt, end, parts = request.prompt, 0, []
    for (start, old), new in zip(places, value, strict=True):
        parts += [prompt[end:start], new]
        end = start + len(old)
    return replace(request, prompt="".join([*parts, prompt[end:]]))


def styled(request: GenerationRequest, value: str, values: Values) -> GenerationRequest:
    """Styles added, several with commas between."""
    names = [name for name in split_list(value) if name]
    prompt, negative = values.styles.apply(names, request.prompt, request.negative_prompt)
    return replace(request, prompt=prompt, negative_prompt=negative)


def sized(request: GenerationRequest, value: str, values: Values) -> GenerationRequest:
    """Width and height of a text such as 512x768."""
    width, _, height = value.lower().partition("x")
    return replace(request, size=Size(width=int(width), height=int(height)))


def refined(request: GenerationRequest, value: str, values: Values) -> GenerationRequest:
    """Another model that goes on, or none."""
    name = "" if value == "None" else value
    changed: GenerationRequest = replace_at(request, "refiner.checkpoint", name)
    return changed


def with_restorer(request: GenerationRequest, value: str, values: Values) -> GenerationRequest:
    """Faces restored by a network, or left alone."""
    name = "" if value == "None" else value
    changed: GenerationRequest = replace_at(request, "faces.restorer", name)
    return changed


def capped_order(request: GenerationRequest, value: int, values: Values) -> GenerationRequest:
    """UniPC's order is below the number of steps."""
    order = min(value, max(1, request.sampling.steps - 1))
    changed: GenerationRequest = replace_at(request, "options.uni_pc_order", order)
    return changed


def merging(request: GenerationRequest, value: float, values: Values) -> GenerationRequest:
    """The ratio of txt2img and of img2img alike."""
    options = replace(request.options, token_merging=value, token_merging_img2img=0.0)
    return replace(request, options=options)


def of_first_unit(name: str) -> Apply:
    """A field of the first unit of control that is on; of the very first if none is."""

    def changed(request: GenerationRequest, value: Any, values: Values) -> GenerationRequest:
        units = request.control
        on = [place for place, unit in enumerate(units) if unit.enabled]
        if not units:
            return request
        place = 0 if name == "enabled" else next(iter(on), 0)
        unit = replace(units[place], **{name: value})
        return replace(request, control=(*units[:place], unit, *units[place + 1 :]))

    return changed
