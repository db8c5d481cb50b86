"""The axes of the X/Y/Z plot: a row each, in A1111's order, because clients count them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import factorial
from pathlib import PurePath
from typing import Any

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.param import get_at, params_of, replace_at
from modules.pipeline.preprocessors.catalogue import find_model
from modules.schema.catalogue import Catalogue
from modules.schema.control import CONTROL_MODES, CONTROL_RESIZE_MODES
from modules.schema.request import SPEEDS, GenerationRequest
from modules.service.faces import find_restorer, first_restorer
from modules.service.resolve import find_checkpoint, resolve_names
from modules.service.scripts.axis_effects import (
    Apply,
    Values,
    capped_order,
    merging,
    nothing,
    of_first_unit,
    ordered,
    refined,
    replaced,
    sized,
    styled,
    with_restorer,
)
from modules.service.scripts.axis_menus import (
    Choices,
    checkpoint_names,
    control_models,
    control_modules,
    fixed,
    hires_upscalers,
    refiner_names,
    restorer_names,
    sampler_names,
    schedule_names,
    style_names,
    vae_names,
)
from modules.service.scripts.axis_values import (
    MOST_VALUES,
    numbers,
    refuse,
    split_list,
    whole_numbers,
)
from modules.service.scripts.script import IMG2IMG, TABS, TXT2IMG, Call

Parse = Callable[["Axis", str, Call], Sequence[Any]]

DENOISING = "denoising"
"""Stands for the strength of img2img, or of the second pass."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Something that can differ from picture to picture."""

    label: str
    parse: Parse
    path: str = ""
    """The field of the request that it sets; if there is no such field, it has no effect here."""
    apply: Apply | None = None
    """What it does, if it does not simply set a field."""
    tabs: tuple[str, ...] = TABS
    cost: float = 0.0
    """How long it takes to go to another value, from 0 to 1; costly ones change least often."""
    choices: Choices | None = None
    bare: bool = False
    """Whether legends show the value alone, without the label."""
    show: Callable[[Any], str] = str
    """How a value looks in legends."""

    def values(self, text: str, call: Call) -> Sequence[Any]:
        """Read the value box. Raises InvalidRequest or NotFound."""
        self.check_known()
        return self.parse(self, text, call)

    def check_known(self) -> None:
        """Raise InvalidRequest if the program has nothing that this axis could change."""
        known = {item.path for item in params_of(GenerationRequest)}
        if self.apply is None and self.path not in (*known, DENOISING):
            raise InvalidRequest(
                f"The axis {self.label} cannot be plotted: there is nothing it could change here.",
                "Choose another axis.",
            )

    def applied(self, request: GenerationRequest, value: Any, values: Values) -> GenerationRequest:
        """Return `request` with one of the axis's values."""
        if self.apply is not None:
            return self.apply(request, value, values)
        path = self.path
        if path == DENOISING:
            path = f"{'hires' if request.img2img is None else 'img2img'}.denoising_strength"
        part = path.rpartition(".")[0]
        if part and get_at(request, part) is None:  # there is no second pass, for example
            return request
        changed: GenerationRequest = replace_at(request, path, value)
        return changed

    def shown(self, value: Any) -> str:
        """The value as legends show it."""
        if isinstance(value, float):
            value = round(value, 8)
        shown = self.show(value)
        return shown if self.bare else f"{self.label}: {shown}"


# How values are read


def _whole(axis: Axis, text: str, call: Call) -> Sequence[int]:
    return whole_numbers(axis.label, text)


def _numbers(axis: Axis, text: str, call: Call) -> Sequence[float]:
    return numbers(axis.label, text)


def _words(axis: Axis, text: str, call: Call) -> Sequence[str]:
    return split_list(text)


def _flags(axis: Axis, text: str, call: Call) -> Sequence[bool]:
    known = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
    for value in split_list(text):
        if value.lower() not in known:
            refuse(axis.label, value, "True or False")
    return [known[value.lower()] for value in split_list(text)]


def _one_of(names: Choices) -> Parse:
    """Entries of a menu, in any letter case."""

    def parse(axis: Axis, text: str, call: Call) -> Sequence[str]:
        known = {name.lower(): name for name in names(call.catalogue, call.styles.names())}
        return [_named(axis.label, value, known) for value in split_list(text)]

    return parse


def _named(kind: str, value: str, known: dict[str, str]) -> str:
    found = known.get(value.lower())
    if found is None:
        raise NotFound(kind.lower(), value, known.values())
    return found


def _permutations(axis: Axis, text: str, call: Call) -> Sequence[tuple[str, ...]]:
    words = split_list(text)
    if words and factorial(min(len(words), 20)) > MOST_VALUES:
        raise InvalidRequest(
            f"{len(words)} words have too many orders to draw all of them.",
            "Seven words have 5,040 orders.",
        )
    for word in words:
        if word not in call.request.prompt:
            raise InvalidRequest(
                f"Prompt order did not find {word!r:.60} in the prompt.",
                "Write the words as they stand in the prompt.",
            )
    return list(permutations(words))


def _searched(axis: Axis, text: str, call: Call) -> Sequence[str]:
    values = split_list(text)
    request = call.request
    if values and values[0] not in request.prompt and values[0] not in request.negative_prompt:
        raise InvalidRequest(
            f"Prompt S/R did not find {values[0]!r:.60} in the prompt or the negative prompt.",
            "The first value is the text that the others replace.",
        )
    return values


def _samplers(axis: Axis, text: str, call: Call) -> Sequence[str]:
    base = call.request.sampling
    return [resolve_names(replace(base, sampler=value)).sampler for value in split_list(text)]


def _checkpoints(axis: Axis, text: str, call: Call) -> Sequence[str]:
    return [_checkpoint(value, call.catalogue) for value in split_list(text)]


def _refiners(axis: Axis, text: str, call: Call) -> Sequence[str]:
    return [
        "None" if value.lower() in ("", "none") else _checkpoint(value, call.catalogue)
        for value in split_list(text)
    ]


def _restorers(axis: Axis, text: str, call: Call) -> Sequence[str]:
    """Networks for faces by name; yes is the first there is, and no is none."""

    def named(value: str) -> str:
        plain = value.lower()
        if plain in ("", "none", "false", "no", "n", "0", "off"):
            return "None"
        yes = plain in ("true", "yes", "y", "1", "on")
        return find_restorer(first_restorer(call.catalogue) if yes else value, call.catalogue)

    return [named(value) for value in split_list(text)]


def _checkpoint(value: str, catalogue: Catalogue) -> str:
    return find_checkpoint(value, catalogue.checkpoints).title


def _vaes(axis: Axis, text: str, call: Call) -> Sequence[str]:
    return [_vae(value, call.catalogue.vaes) for value in split_list(text)]


def _vae(value: str, vaes: Sequence[str]) -> str:
    """A VAE by its name, else the shortest name that contains the text."""
    fixed = {"none": "None", "automatic": "Automatic", "auto": "Automatic"}
    if value.lower() in fixed:
        return fixed[value.lower()]
    for name in vaes:
        if value.lower() in (name.lower(), PurePath(name).name.lower()):
            return name
    close = [name for name in vaes if value.lower() in name.lower()]
    if not close:
        raise NotFound("VAE", value, ["None", "Automatic", *vaes])
    return min(close, key=len)


def _style_lists(axis: Axis, text: str, call: Call) -> Sequence[str]:
    for value in split_list(text):
        for name in split_list(value):
            if name and name not in call.styles:
                raise NotFound("style", name, call.styles.names())
    return split_list(text)


def _control_models(axis: Axis, text: str, call: Call) -> Sequence[str]:
    return [find_model(value, call.catalogue.control_models) for value in split_list(text)]


def _sizes(axis: Axis, text: str, call: Call) -> Sequence[str]:
    for value in split_list(text):
        width, _, height = value.lower().partition("x")
        if not (width.strip().isdigit() and height.strip().isdigit()):
            refuse(axis.label, value, "a size such as 512x768")
    return split_list(text)


def short_checkpoint(title: str) -> str:
    """A checkpoint's file name without folder, hash and suffix."""
    return PurePath(title.rpartition(" [")[0] or title).stem


def _flag(label: str, path: str) -> Axis:
    return Axis(label=label, parse=_flags, path=path, choices=fixed("True", "False"))


def _number(label: str, path: str, **more: Any) -> Axis:
    return Axis(label=label, parse=_numbers, path=path, **more)


def _count(label: str, path: str, **more: Any) -> Axis:
    return Axis(label=label, parse=_whole, path=path, **more)


def _menu(label: str, path: str, choices: Choices, **more: Any) -> Axis:
    return Axis(label=label, path=path, **{"parse": _one_of(choices), "choices": choices, **more})


def _unit(label: str, name: str, parse: Parse, choices: Choices | None = None, **more: Any) -> Axis:
    """A field of a unit of control."""

    def with_units(axis: Axis, text: str, call: Call) -> Sequence[Any]:
        if not call.request.control:
            raise InvalidRequest(
                f"{axis.label} finds no ControlNet unit to change.", "Switch one on."
            )
        return parse(axis, text, call)

    label = f"[ControlNet] {label}"
    return Axis(label=label, parse=with_units, apply=of_first_unit(name), choices=choices, **more)


TEXT_ONLY, PICTURE_ONLY = (TXT2IMG,), (IMG2IMG,)
RESIZES = fixed(*CONTROL_RESIZE_MODES)
NOTHING = Axis(label="Nothing", parse=lambda axis, text, call: [""], apply=nothing, bare=True)
SEED, VARIATION_SEED = "Seed", "Var. seed"
SEED_AXES = (SEED, VARIATION_SEED)
"""Axes whose -1 becomes a random number."""

AXES = (
    NOTHING,
    _count(SEED, "seeds.seed"),
    _count(VARIATION_SEED, "seeds.subseed"),
    _number("Var. strength", "seeds.subseed_strength"),
    _count("Steps", "sampling.steps"),
    _count("Hires steps", "hires.steps", tabs=TEXT_ONLY),
    _number("CFG Scale", "sampling.cfg_scale"),
    _number("Image CFG Scale", "img2img.image_cfg_scale", tabs=PICTURE_ONLY),
    Axis(label="Prompt S/R", parse=_searched, apply=replaced, bare=True),
    Axis(label="Prompt order", parse=_permutations, apply=ordered, bare=True, show=", ".join),
    _menu("Sampler", "sampling.sampler", sampler_names, parse=_samplers, bare=True),
    _menu(
        "Hires sampler", "hires.sampler", sampler_names, parse=_samplers, tabs=TEXT_ONLY, bare=True
    ),
    _menu(
        "Checkpoint name",
        "models.checkpoint",
        checkpoint_names,
        parse=_checkpoints,
        cost=1.0,
        bare=True,
        show=short_checkpoint,
    ),
    _number("Negative Guidance minimum sigma", "options.s_min_uncond"),
    _number("Sigma Churn", "options.s_churn"),
    _number("Sigma min", "options.s_tmin"),
    _number("Sigma max", "options.s_tmax"),
    _number("Sigma noise", "options.s_noise"),
    _menu("Schedule type", "sampling.schedule", schedule_names),
    _number("Schedule min sigma", "options.sigma_min"),
    _number("Schedule max sigma", "options.sigma_max"),
    _number("Schedule rho", "options.rho"),
    _number("Eta", "options.eta"),
    _count("Clip skip", "text.clip_skip"),
    _number("Denoising", DENOISING),
    _number("Initial noise multiplier", "pictures.noise_multiplier"),
    _number("Extra noise", "pictures.extra_noise"),
    _menu("Hires upscaler", "hires.upscaler", hires_upscalers, tabs=TEXT_ONLY),
    _number("Cond. Image Mask Weight", "pictures.mask_weight", tabs=PICTURE_ONLY),
    _menu("VAE", "models.vae", vae_names, parse=_vaes, cost=0.7),
    Axis(label="Styles", parse=_style_lists, apply=styled, choices=style_names),
    Axis(label="UniPC Order", parse=_whole, apply=capped_order, cost=0.5),
    Axis(
        label="Face restore",
        parse=_restorers,
        apply=with_restorer,
        bare=True,
        choices=restorer_names,
    ),
    Axis(label="Token merging ratio", parse=_numbers, apply=merging),
    _number("Token merging ratio high-res", "options.token_merging_hr"),
    _flag("Always discard next-to-last sigma", "options.discard_penultimate"),
    _flag("SGM noise multiplier", "options.sgm_noise_multiplier"),
    _menu(
        "Refiner checkpoint",
        "refiner.checkpoint",
        refiner_names,
        parse=_refiners,
        apply=refined,
        cost=1.0,
        show=short_checkpoint,
    ),
    _number("Refiner switch at", "refiner.switch_at"),
    _menu("RNG source", "seeds.source", fixed("GPU", "CPU", "NV")),
    _menu("FP8 mode", "models.fp8", fixed("Disable", "Enable for SDXL", "Enable"), cost=0.9),
    _number("Skip Early CFG", "options.skip_early_cond"),
    _number("Beta schedule alpha", "options.beta_alpha"),
    _number("Beta schedule beta", "options.beta_beta"),
    Axis(label="Size", parse=_sizes, apply=sized),
    _unit("Enabled", "enabled", _flags, fixed("True", "False")),
    _unit("Model", "model", _control_models, control_models, cost=0.9),
    _unit("Weight", "weight", _numbers),
    _unit("Guidance Start", "guidance_start", _numbers),
    _unit("Guidance End", "guidance_end", _numbers),
    _unit("Control Mode", "control_mode", _one_of(fixed(*CONTROL_MODES)), fixed(*CONTROL_MODES)),
    _unit("Resize Mode", "resize_mode", _one_of(RESIZES), RESIZES),
    _unit("Preprocessor", "module", _one_of(control_modules), control_modules),
    _unit("Pre Resolution", "processor_res", _whole),
    _unit("Pre Threshold A", "threshold_a", _numbers),
    _unit("Pre Threshold B", "threshold_b", _numbers),
    _menu("Speed", "options.speed", fixed(*SPEEDS)),
    _count("Step cache interval", "options.step_cache"),
    _count("Step cache depth", "options.step_cache_depth"),
    _number("Step cache start", "options.step_cache_start"),
    _flag("Int8 convolutions", "options.int8"),
)


def axes_of(tab: str) -> list[Axis]:
    """The axes of a tab, in the order of the menu."""
    return [axis for axis in AXES if tab in axis.tabs]


def find_axis(label: str, tab: str) -> Axis:
    """Look an axis up by its label. Raises NotFound."""
    for axis in axes_of(tab):
        if axis.label.lower() == label.strip().lower():
            return axis
    raise NotFound("axis", label, [axis.label for axis in axes_of(tab)])


def checked(axis: Axis, text: str, call: Call) -> Sequence[Any]:
    """Read an axis's values, saying which axis does not work. Raises WebUIError."""
    try:
        return axis.values(text, call)
    except WebUIError as error:
        if axis.label.lower() in error.message.lower():
            raise
        raise InvalidRequest(f"{axis.label}: {error.message}", error.hint) from error
