"""Batch: every picture of a folder on the server, with the same settings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modules.errors import InvalidRequest, WebUIError
from modules.param import get_at, param, replace_at
from modules.schema.infotext_parse import parse_infotext
from modules.schema.inputs import ImageData, Inpaint
from modules.schema.request import GenerationRequest, Size
from modules.service.read_picture import read_infotext_from
from modules.service.read_pixels import read_pixels
from modules.service.recipe import understand
from modules.service.scripts.limits import check_count
from modules.service.scripts.script import IMG2IMG, Call, Cell, Play, Script
from modules.service.visitor import require_admin
from modules.settings.settings import Settings

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
PROPERTIES = {
    "Prompt": ("prompt",),
    "Negative prompt": ("negative_prompt",),
    "Seed": ("seeds.seed",),
    "CFG scale": ("sampling.cfg_scale",),
    "Sampler": ("sampling.sampler", "sampling.schedule"),
    "Steps": ("sampling.steps",),
    "Model hash": ("models.checkpoint",),
}
"""What may be taken from a picture's recipe, with the fields that it sets."""
ADDED = ("Prompt", "Negative prompt")
"""Properties that are added to what the request has."""


@dataclass(frozen=True, kw_only=True)
class BatchArgs:
    """Which folders, and what is taken from each picture's recipe."""

    input_dir: str = param("", "Input directory", help="A folder on the server.")
    output_dir: str = param(
        "",
        "Output directory",
        help="Empty saves as usual; else pictures get the names of those they were made from.",
    )
    inpaint_mask_dir: str = param(
        "",
        "Inpaint batch mask directory",
        help="Masks with the names of the pictures, or one for all of them.",
    )
    use_png_info: bool = param(False, "Append PNG info to prompts")
    png_info_dir: str = param(
        "", "PNG info directory", help="Pictures with recipes; empty is the input directory."
    )
    png_info_props: tuple[str, ...] = param(
        ("Prompt",), "Parameters to take from PNG info", choices=tuple(PROPERTIES)
    )
    scale_by: float = param(
        0.0,
        "Scale",
        minimum=0,
        maximum=16,
        slider=(0, 4),
        step=0.05,
        help="Of each picture's own size; 0 is the size set above.",
    )
    show: int = param(
        32,
        "Results shown",
        minimum=-1,
        maximum=10_000,
        help="-1 shows all, 0 none; all are saved.",
    )
    files: tuple[str, ...] = param((), "Pictures", help="Empty is every one there is.")


def prepare(call: Call) -> BatchArgs:
    """Note which pictures there are, so that later ones do not shift them.

    Raises InvalidRequest or NotFound; Forbidden for people who may not read the server's folders.
    """
    args: BatchArgs = call.args
    require_admin("draw from folders of the server")
    folder = folder_at(args.input_dir, "input directory")
    for text, name in (
        (args.inpaint_mask_dir, "mask directory"),
        (args.png_info_dir, "PNG info directory"),
    ):
        if text:
            folder_at(text, name)
    files = args.files or tuple(path.relative_to(folder).as_posix() for path in pictures_in(folder))
    if not files:
        raise InvalidRequest(
            f"There are no pictures in {folder}.", f"They end with {', '.join(SUFFIXES)}."
        )
    check_count(len(files))
    return replace(args, files=files)


def folder_at(text: str, name: str) -> Path:
    """The folder that a person wrote. Raises InvalidRequest."""
    folder = Path(text.strip().strip('"')).expanduser()
    if not text.strip() or not folder.is_dir():
        raise InvalidRequest(
            f"The {name} {text!r:.200} is no folder on the server.", "Write its whole path."
        )
    return folder


def pictures_in(folder: Path) -> list[Path]:
    """Every picture below `folder`, 2 before 10."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted((path for path in found if path.is_file()), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.as_posix().lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def play(call: Call) -> Play:
    """One picture after the other, so that no more than one is in memory."""
    args: BatchArgs = call.args
    folder = folder_at(args.input_dir, "input directory")
    masks = _masks(args)
    seed = call.fixed_seed(call.request.seeds.seed)
    request = replace(call.request, seeds=replace(call.request.seeds, seed=seed))
    settings = _settings(call.settings, args.output_dir)
    for number, name in enumerate(args.files):
        path = folder / name
        shown = args.show < 0 or number < args.show
        try:
            mask = _mask_for(path, masks)
            if masks and mask is None:
                notice = f"{name} was left out: there is no mask of that name."
                yield [Cell(request=request, problem=InvalidRequest(notice))]
                continue
            drawn_from = _request(call, request, path, mask)
        except (WebUIError, OSError) as error:
            problem = InvalidRequest(f"{name} was left out: {error}")
            yield [Cell(request=request, problem=problem)]
            continue
        yield [
            Cell(
                request=drawn_from,
                shown=shown,
                settings=settings,
                stem=path.stem if args.output_dir else "",
            )
        ]
    return []


def _request(
    call: Call, request: GenerationRequest, path: Path, mask: Path | None
) -> GenerationRequest:
    """The request for one file. Raises WebUIError, OSError."""
    args: BatchArgs = call.args
    wish = request.img2img
    assert wish is not None
    image = _read(path)
    inpaint = wish.inpaint
    if mask is not None:
        inpaint = replace(inpaint or Inpaint(), mask=_read(mask))
    request = replace(request, img2img=replace(wish, images=(image,), inpaint=inpaint))
    if args.scale_by:
        width, height = int(image.width * args.scale_by), int(image.height * args.scale_by)
        request = replace(request, size=Size(width=width, height=height))
    if args.use_png_info:
        request = _with_recipe(call, request, path)
    return request


def _read(path: Path) -> ImageData:
    return read_pixels(path.read_bytes(), path.name)


def _with_recipe(call: Call, request: GenerationRequest, path: Path) -> GenerationRequest:
    """Take what is wanted from the recipe of a picture, or of the one that stands for it."""
    args: BatchArgs = call.args
    source = Path(args.png_info_dir) / path.name if args.png_info_dir else path
    text = read_infotext_from(source) if source.is_file() else ""
    if not text:
        return request
    given = parse_infotext(text)
    recipe = understand(text, request, call.catalogue.checkpoints, call.settings.recipe).request
    for name in args.png_info_props:
        if not given.get(name):
            continue
        for field in PROPERTIES[name]:
            value = get_at(recipe, field)
            if name in ADDED:
                value = f"{get_at(request, field)} {given[name]}".strip()
            request = replace_at(request, field, value)
    return request


def _masks(args: BatchArgs) -> list[Path]:
    if not args.inpaint_mask_dir:
        return []
    masks = pictures_in(folder_at(args.inpaint_mask_dir, "mask directory"))
    if not masks:
        raise InvalidRequest(f"There are no masks in {args.inpaint_mask_dir}.")
    return masks


def _mask_for(path: Path, masks: Sequence[Path]) -> Path | None:
    """The only mask there is, or the one with the picture's name."""
    if len(masks) == 1:
        return masks[0]
    return next((mask for mask in masks if mask.stem == path.stem), None)


def _settings(settings: Settings, output_dir: str) -> Settings | None:
    """How results are saved in a folder of their own; None leaves it as usual."""
    if not output_dir:
        return None
    folders = replace(
        settings.folders,
        samples=str(Path(output_dir).expanduser().absolute()),
        subfolders=False,
        per_person=False,
    )
    saving = replace(settings.saving, save=True, add_number=False, if_taken="Add number suffix")
    return replace(settings, folders=folders, saving=saving)


def batches(call: Call) -> int:
    """How many batches all files have."""
    return len(call.args.files) * call.request.batch.n_iter


FOLDER_BATCH = Script(
    title="Batch",
    help="Draws from every picture of a folder on the server.",
    args=BatchArgs,
    play=play,
    tabs=(IMG2IMG,),
    prepare=prepare,
    batches=batches,
    needs_picture=False,
    listed=False,
)
