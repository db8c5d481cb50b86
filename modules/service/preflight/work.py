"""What a request asks of the machine, in numbers: calls of a network, texts, pixels."""

from dataclasses import dataclass

from modules.param import get_at, params_of
from modules.prompt.compose import split_composition
from modules.sampling.catalogue import Sampler, resolve_sampler
from modules.schema.catalogue import CheckpointInfo
from modules.schema.hires_size import LATENT_UPSCALERS, hires_size
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest

UNIT = 512 * 512
"""Pixels that areas are counted in."""
STRONGEST = 0.999
"""A denoising strength of 1 counts as this, as in the pipeline."""
QUICKENING = (
    "options.step_cache",
    "options.token_merging",
    "options.s_min_uncond",
    "options.int8",
)
"""Beginnings of paths whose fields make calls cheaper without changing how many there are."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One way along a grid of noise levels."""

    steps: int
    """As events count them."""
    calls: int
    """Calls of the network in a batch."""
    samples: int
    """Pictures times texts in a call."""
    area: float
    """Of one picture, in units of 512 x 512 pixels."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one job asks for."""

    checkpoint: str
    """Title; empty if it is not known."""
    kind: str
    """What kind of model: those of a kind are equally fast."""
    weight: int
    """Bytes of the checkpoint's files."""
    mode: str
    """What changes the price of a call, as text; empty is nothing."""
    manner: str
    """What is done besides calling the network, as text; empty is drawing from noise alone."""
    passes: tuple[Pass, ...]
    batches: int
    images: int
    area: float
    """Of a finished picture."""
    format: str = "png"
    saved: bool = True
    grid: bool = False
    """Whether the pictures are laid out in one more."""
    unforeseen: str = ""
    """Why the number of calls is not known; empty where it is."""

    @property
    def largest(self) -> Pass:
        """The pass that needs the most memory."""
        return max(self.passes, key=lambda one: one.samples * one.area)


def work_of(
    request: GenerationRequest,
    checkpoint: CheckpointInfo | None,
    *,
    format: str = "png",
    saved: bool = True,
    grid: bool = False,
    units: int = 0,
) -> Work:
    """Say what `request` asks for; a rough request without pictures will do.

    `checkpoint` is what it will be drawn with, None if there is none; `units` of control are drawn
    with besides those of the request. Raises NotFound for a sampler that does not exist.
    """
    batch = request.batch
    first = resolve_sampler(request.sampling.sampler, request.sampling.schedule).sampler
    passes = [] if _begins_with_second(request) else [_first_pass(request, first)]
    area = request.size.width * request.size.height / UNIT
    if request.hires is not None:
        passes.append(_second_pass(request, request.hires, first))
        area = passes[-1].area
    return Work(
        checkpoint=checkpoint.title if checkpoint is not None else "",
        kind=kind_of(checkpoint),
        weight=checkpoint.size if checkpoint is not None else 0,
        mode=mode_of(request, units),
        manner=manner_of(request),
        passes=tuple(passes),
        batches=batch.n_iter,
        images=batch.total,
        area=area,
        format=format,
        saved=saved,
        grid=grid,
        unforeseen=_unforeseen(request, first),
    )


def kind_of(checkpoint: CheckpointInfo | None) -> str:
    """Name the models that are equally fast: of one family, and as large."""
    if checkpoint is None:
        return ""
    return f"{checkpoint.family or 'unknown'} {checkpoint.size / 1e9:.2g} GB"


def mode_of(request: GenerationRequest, units: int = 0) -> str:
    """Name what changes the price of a call of the network: `step_cache 3, control 1`."""
    values = {
        item.name: get_at(request, item.path)
        for item in params_of(GenerationRequest)
        if item.path.startswith(QUICKENING) and get_at(request, item.path) != item.default
    }
    values["control"] = units + sum(unit.enabled for unit in request.control)
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def manner_of(request: GenerationRequest) -> str:
    """Name what is done besides calling the network."""
    parts = []
    if request.img2img is not None:
        parts.append("img2img" if request.img2img.inpaint is None else "inpaint")
    if request.hires is not None:
        upscaler = request.hires.upscaler
        parts.append("hires" if upscaler in LATENT_UPSCALERS else f"hires {upscaler}")
    for name in (request.faces.restorer, request.afterwards.upscaler):
        if name and name != "None":
            parts.append(name)
    return ", ".join(parts)


def texts_of(request: GenerationRequest, cfg_scale: float) -> int:
    """How many texts each picture is drawn with in one call."""
    parts = len(split_composition(request.prompt))
    return parts + (cfg_scale != 1.0)


def _begins_with_second(request: GenerationRequest) -> bool:
    return request.hires is not None and request.hires.image is not None


def _first_pass(request: GenerationRequest, sampler: Sampler) -> Pass:
    steps = request.sampling.steps
    if request.img2img is not None and not request.pictures.exact_steps:
        strength = min(request.img2img.denoising_strength, STRONGEST)
        steps = int(strength * steps) + (sampler.family != "timestep")
    samples = request.batch.batch_size * texts_of(request, request.sampling.cfg_scale)
    size = request.size
    return _pass(steps, sampler, samples, size.width * size.height)


def _second_pass(request: GenerationRequest, hires: Hires, first: Sampler) -> Pass:
    sampler = resolve_sampler(hires.sampler).sampler if hires.sampler else first
    cfg = request.sampling.cfg_scale if hires.cfg_scale is None else hires.cfg_scale
    samples = request.batch.batch_size * texts_of(request, cfg)
    size = hires_size(request.size.width, request.size.height, hires)
    pixels = (size.width - size.cut_x) * (size.height - size.cut_y)
    return _pass(hires.steps or request.sampling.steps, sampler, samples, pixels)


def _pass(steps: int, sampler: Sampler, samples: int, pixels: int) -> Pass:
    """A sampler that calls twice a step calls once in its last."""
    calls = max(1, steps * sampler.calls_per_step - (sampler.calls_per_step - 1))
    return Pass(steps=max(1, steps), calls=calls, samples=samples, area=pixels / UNIT)


def _unforeseen(request: GenerationRequest, sampler: Sampler) -> str:
    """Why the cost of a request can only be guessed."""
    if request.script is not None:
        return "script"
    if sampler.adaptive:
        return "sampler"
    if request.refiner.checkpoint or (request.hires is not None and request.hires.checkpoint):
        return "second model"
    return ""
