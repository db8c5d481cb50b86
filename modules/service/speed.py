"""Named speeds: what each sets of step caching, family by family.

The figures behind the table are in `docs/speed.md`. Token merging is in none of them: what it does
to pictures was too much for what it saves. A request that names a speed gets single
values in its place, which is what recipes tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from modules.errors import NotFound
from modules.schema.request import BALANCED, EXACT, FAST, SPEEDS, GenerationRequest, SamplerOptions


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Values by the names of `SamplerOptions`; what is as it always is stays unset."""

    step_cache: int = 1
    step_cache_depth: int = 1
    step_cache_start: float = 0.0


Table = Mapping[str, Speed]

U_NETS: Table = {
    EXACT: Speed(),
    BALANCED: Speed(step_cache=2, step_cache_start=0.2),
    FAST: Speed(step_cache=3, step_cache_start=0.2),
}
TRANSFORMERS: Table = dict.fromkeys(SPEEDS, Speed())
"""Without stages of different fineness there is nothing to keep."""
BY_FAMILY: Mapping[str, Table] = {"sd3": TRANSFORMERS, "flux": TRANSFORMERS}
"""The others are U-Nets."""


def at_speed(request: GenerationRequest, family: str) -> GenerationRequest:
    """The request with the values that its speed means for a model of `family`.

    What a person set by hand stays. Raises NotFound for a speed that does not exist.
    """
    options = request.options
    if options.speed not in SPEEDS:
        raise NotFound("speed", options.speed, list(SPEEDS))
    values, usual = BY_FAMILY.get(family, U_NETS)[options.speed], SamplerOptions()
    open_ = [
        item.name
        for item in fields(values)
        if getattr(options, item.name) == getattr(usual, item.name)
    ]
    chosen = {name: getattr(values, name) for name in open_}
    return replace(request, options=replace(options, speed=EXACT, **chosen))
