"""Prompts from file or textbox: a line for each job, as a prompt or as a command line."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from modules.errors import InvalidRequest
from modules.param import param, replace_at
from modules.sampling.catalogue import all_samplers
from modules.schema.request import GenerationRequest
from modules.service.complete import RANDOM_SEEDS
from modules.service.faces import first_restorer
from modules.service.scripts.limits import check_count
from modules.service.scripts.script import Call, Cell, Play, Script

LINES = "Prompts from file or textbox"
SWALLOWING = ("prompt", "negative_prompt")
"""Tags that take all words up to the next tag."""


@dataclass(frozen=True, kw_only=True)
class LinesArgs:
    """The lines, and what they have in common."""

    iterate: bool = param(False, "Iterate seed every line")
    iterate_batch: bool = param(False, "Use same random seed for all lines")
    prompt_position: str = param(
        "start", "Insert prompts at the", choices=("start", "end"), help="Of the prompt above."
    )
    text: str = param(
        "",
        "List of prompt inputs",
        help="One a line; either a prompt, or tags such as --prompt a cat --steps 30.",
    )


@dataclass(frozen=True)
class Line:
    """What one line says."""

    tags: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    """Why it was taken for a prompt though it looks like tags."""


def _truth(word: str) -> bool:
    return word.lower() == "true"


KINDS: dict[str, Callable[[str], Any]] = {
    "sd_model": str,
    "outpath_samples": str,
    "outpath_grids": str,
    "prompt_for_display": str,
    "prompt": str,
    "negative_prompt": str,
    "styles": str,
    "seed": int,
    "subseed_strength": float,
    "subseed": int,
    "seed_resize_from_h": int,
    "seed_resize_from_w": int,
    "sampler_index": int,
    "sampler_name": str,
    "batch_size": int,
    "n_iter": int,
    "steps": int,
    "cfg_scale": float,
    "width": int,
    "height": int,
    "restore_faces": _truth,
    "tiling": _truth,
    "do_not_save_samples": _truth,
    "do_not_save_grid": _truth,
}
"""Every tag with the type of its value."""

PATHS = {
    "sd_model": "models.checkpoint",
    "seed": "seeds.seed",
    "subseed_strength": "seeds.subseed_strength",
    "subseed": "seeds.subseed",
    "seed_resize_from_h": "seeds.resize_from_h",
    "seed_resize_from_w": "seeds.resize_from_w",
    "sampler_name": "sampling.sampler",
    "batch_size": "batch.batch_size",
    "n_iter": "batch.n_iter",
    "steps": "sampling.steps",
    "cfg_scale": "sampling.cfg_scale",
    "width": "size.width",
    "height": "size.height",
    "tiling": "tiling",
}
"""Tags that set a field of the request."""
WITHOUT_EFFECT = ("outpath_samples", "outpath_grids")
"""Tags that are understood but change nothing here."""


def read_line(text: str) -> Line:
    """Read one line; what cannot be read as tags is a prompt as it stands."""
    if "--" not in text:
        return Line({"prompt": text})
    try:
        return Line(_tags(shlex.split(text)))
    except ValueError as error:
        return Line({"prompt": text}, f"{text!r:.80} was taken as a prompt: {error}")


def _tags(words: list[str]) -> dict[str, Any]:
    """Pairs of tags and values. Raises ValueError."""
    tags: dict[str, Any] = {}
    rest = list(words)
    while rest:
        tag = rest.pop(0)
        name = tag.removeprefix("--")
        if not tag.startswith("--") or name not in KINDS:
            raise ValueError(f"there is no tag {tag!r:.40}")
        if name in SWALLOWING:
            taken = []
            while rest and not rest[0].startswith("--"):
                taken.append(rest.pop(0))
            tags[name] = " ".join(taken)
            continue
        if not rest:
            raise ValueError(f"{tag} has no value")
        tags[name] = KINDS[name](rest.pop(0))
    return tags


def lines_of(args: LinesArgs) -> list[Line]:
    """Every line that is not empty."""
    return [read_line(line.strip()) for line in args.text.splitlines() if line.strip()]


def check(call: Call) -> None:
    """Raise InvalidRequest if there is nothing to draw, or too much."""
    lines = lines_of(call.args)
    if not lines:
        raise InvalidRequest("There are no prompts.", "Write one a line, or load a text file.")
    check_count(len(lines))
    for line in lines:
        if not 0 <= line.tags.get("sampler_index", 0) < len(_menu()):
            raise InvalidRequest(
                f"There is no sampler number {line.tags['sampler_index']}.",
                f"They are counted from 0 to {len(_menu()) - 1}; better write --sampler_name.",
            )


def _menu() -> list[str]:
    return [one.name for one in all_samplers() if one.in_menu]


def play(call: Call) -> Play:
    """A request for every line, all at once."""
    args: LinesArgs = call.args
    random, base = call.random(), call.request
    if args.iterate or args.iterate_batch:
        base = _seeded(base, base.seeds.seed, random)
    cells = []
    for line in lines_of(args):
        request = _with_tags(base, line.tags, args, call)
        request = _seeded(request, request.seeds.seed, random)
        keep = not line.tags.get("do_not_save_samples", False)
        cells.append(Cell(request=request, keep=keep, notice=_notice(line)))
        if args.iterate:
            base = _seeded(base, base.seeds.seed + request.batch.total, random)
    yield cells
    return []


def _seeded(request: GenerationRequest, seed: int, random: Random) -> GenerationRequest:
    fixed = seed if seed >= 0 else random.randrange(RANDOM_SEEDS)
    return replace(request, seeds=replace(request.seeds, seed=fixed))


def _with_tags(
    request: GenerationRequest, tags: Mapping[str, Any], args: LinesArgs, call: Call
) -> GenerationRequest:
    for name, value in tags.items():
        if name in PATHS:
            request = replace_at(request, PATHS[name], value)
    if "sampler_index" in tags and "sampler_name" not in tags:
        request = replace_at(request, "sampling.sampler", _menu()[tags["sampler_index"]])
    for name in SWALLOWING:
        own, above = tags.get(name, ""), getattr(request, name)
        order = (own, above) if args.prompt_position == "start" else (above, own)
        request = replace_at(request, name, " ".join(part for part in order if part))
    if "restore_faces" in tags:
        name = first_restorer(call.catalogue) if tags["restore_faces"] else ""
        request = replace_at(request, "faces.restorer", name)
    styles = [name.strip() for name in tags.get("styles", "").split(",") if name.strip()]
    prompt, negative = call.styles.apply(styles, request.prompt, request.negative_prompt)
    return replace(request, prompt=prompt, negative_prompt=negative)


def _notice(line: Line) -> str:
    if line.problem:
        return line.problem
    ignored = [f"--{name}" for name in WITHOUT_EFFECT if line.tags.get(name)]
    return f"{', '.join(ignored)} changes nothing here." if ignored else ""


def batches(call: Call) -> int:
    """How many batches all lines have."""
    usual = call.request.batch.n_iter
    return sum(max(1, line.tags.get("n_iter", usual)) for line in lines_of(call.args))


PROMPT_LINES = Script(
    title=LINES,
    help="Draws every line of a text: prompts, or tags such as --prompt a cat --steps 30.",
    args=LinesArgs,
    play=play,
    check=check,
    batches=batches,
)
