"""Prompt matrix: every combination of the optional parts of a prompt, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modules.param import param
from modules.schema.request import Batch, GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.scripts.legend import Label, Layout, table, with_legend
from modules.service.scripts.limits import MOST_CELLS, check_count, check_table
from modules.service.scripts.script import Call, Cell, Drawn, Picture, Play, Script, Sheet

JOINTS = {"comma": ", ", "space": " "}
BASE = "prompt_matrix"


@dataclass(frozen=True, kw_only=True)
class MatrixArgs:
    """Which prompt, and how its parts come together."""

    put_at_start: bool = param(False, "Put variable parts at start of prompt")
    different_seeds: bool = param(False, "Use different seed for each picture")
    prompt_type: str = param("positive", "Select prompt", choices=("positive", "negative"))
    variations_delimiter: str = param("comma", "Select joining char", choices=tuple(JOINTS))
    margin_size: int = param(
        0, "Grid margins (px)", minimum=0, maximum=10_000, slider=(0, 500), step=2
    )


def parts_of(call: Call) -> list[str]:
    """The fixed part of the prompt, then the optional ones; `|` separates them."""
    request = call.request
    negative = call.args.prompt_type == "negative"
    return (request.negative_prompt if negative else request.prompt).split("|")


def prompts_of(parts: Sequence[str], args: MatrixArgs) -> list[str]:
    """Every combination; bit i of its number says whether optional part i is there."""
    fixed, *optional = (part.strip().strip(",").strip() for part in parts)
    joint = JOINTS[args.variations_delimiter]
    prompts = []
    for number in range(2 ** len(optional)):
        chosen = [part for place, part in enumerate(optional) if number >> place & 1]
        prompts.append(joint.join([*chosen, fixed] if args.put_at_start else [fixed, *chosen]))
    return prompts


def check(call: Call) -> None:
    """Raise InvalidRequest if there are too many combinations."""
    parts = parts_of(call)
    if len(parts) - 1 >= MOST_CELLS.bit_length():
        check_count(2 ** min(len(parts) - 1, 60))
    check_table(2 ** (len(parts) - 1), call.request, call.settings.grids)


def play(call: Call) -> Play:
    """All combinations at once, with one seed for all unless asked otherwise."""
    args: MatrixArgs = call.args
    parts = parts_of(call)
    prompts = prompts_of(parts, args)
    seed = call.fixed_seed(call.request.seeds.seed)
    cells = [
        Cell(request=_with(call.request, prompt, args, seed + number * args.different_seeds))
        for number, prompt in enumerate(prompts)
    ]
    drawn = yield cells
    if not any(one.images for one in drawn):
        for one in drawn:
            one.pictures()  # says why, if there is a reason
        return []
    first = next(one for one in drawn if one.images)
    return [
        Sheet(
            picture=_table(call, parts, drawn),
            request=first.request,
            image=_with_all_parts(first.images[0], call),
            base=BASE,
        )
    ]


def _with(
    request: GenerationRequest, prompt: str, args: MatrixArgs, seed: int
) -> GenerationRequest:
    request = replace(request, seeds=replace(request.seeds, seed=seed), batch=Batch())
    if args.prompt_type == "negative":
        return replace(request, negative_prompt=prompt)
    return replace(request, prompt=prompt)


def _with_all_parts(image: GeneratedImage, call: Call) -> GeneratedImage:
    """What the table's recipe says: the prompt with all of its parts."""
    if call.args.prompt_type == "negative":
        return replace(image, negative_prompt=call.request.negative_prompt)
    return replace(image, prompt=call.request.prompt)


def _table(call: Call, parts: Sequence[str], drawn: Sequence[Drawn]) -> Picture:
    """Columns for the first half of the optional parts, rows for the rest."""
    optional = [part.strip() for part in parts[1:]]
    half = (len(optional) + 1) // 2
    across, down = optional[:half], optional[half:]
    columns, rows = _legend(across), _legend(down)
    pictures = [one.pictures()[0] if one.images else None for one in drawn]
    known = [picture for picture in pictures if picture is not None]
    width, height = max(one.width for one in known), max(one.height for one in known)
    layout = Layout(len(columns), len(rows), width, height, call.args.margin_size)
    grids = call.settings.grids
    sheet = table(layout, lambda x, y: pictures[y * len(columns) + x], grids.background)
    return with_legend(sheet, layout, columns, rows, grids)


def _legend(parts: Sequence[str]) -> list[list[Label]]:
    """All parts for every combination; those that are not in it are struck out."""
    return [
        [Label(part, bool(number >> place & 1)) for place, part in enumerate(parts)]
        for number in range(2 ** len(parts))
    ]


PROMPT_MATRIX = Script(
    title="Prompt matrix",
    help="Draws every combination of the parts of the prompt that | separates.",
    args=MatrixArgs,
    play=play,
    check=check,
    batches=lambda call: int(2 ** (len(parts_of(call)) - 1)),
)
