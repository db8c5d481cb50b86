"""Poor man's outpainting: the picture on a larger canvas, and the tiles beyond it inpainted."""

from dataclasses import dataclass, replace

from PIL import Image

from modules.param import param
from modules.schema.inputs import MASKED_CONTENTS, Inpaint
from modules.schema.request import Batch
from modules.service.scripts.growth import DIRECTIONS, Growth, growth
from modules.service.scripts.script import (
    IMG2IMG,
    Call,
    Cell,
    Drawn,
    Picture,
    Play,
    Script,
    Sheet,
    picture_data,
)
from modules.service.scripts.sd_upscale import grid_of, opaque
from modules.service.scripts.tiles import TileGrid

BLUR, SHOWN_INSET = 2, 2
"""Times the mask blur: its deviation, and how far the result shows inside the old picture."""


@dataclass(frozen=True, kw_only=True)
class PlainOutpaintingArgs:
    """How far, where to, and what is there before."""

    pixels: int = param(128, "Pixels to expand", minimum=1, maximum=4096, slider=(8, 256), step=8)
    mask_blur: int = param(4, "Mask blur", minimum=0, maximum=256, slider=(0, 64), step=1)
    inpainting_fill: str = param("fill", "Masked content", choices=MASKED_CONTENTS)
    direction: tuple[str, ...] = param(DIRECTIONS, "Outpainting direction", choices=DIRECTIONS)


@dataclass(frozen=True)
class Plan:
    """The larger canvas, its tiles, and those of them that are drawn."""

    grown: Growth
    grid: TileGrid
    beyond: tuple[int, ...]
    """Numbers of the tiles that reach beyond the old picture."""


def plan_of(call: Call) -> Plan:
    """Work out what is to be drawn. Raises InvalidRequest."""
    args: PlainOutpaintingArgs = call.args
    width, height = call.picture().size
    grown = growth((width, height), args.pixels, args.direction)
    grid = grid_of(call.request, (grown.width, grown.height), args.pixels)
    beyond = tuple(
        number
        for number, (x, y) in enumerate(grid.places)
        if x < grown.left
        or y < grown.up
        or x + grid.tile_width > grown.width - grown.right
        or y + grid.tile_height > grown.height - grown.down
    )
    return Plan(grown, grid, beyond)


def check(call: Call) -> None:
    """Raise InvalidRequest if the picture cannot grow so."""
    plan_of(call)


def mask_of(grown: Growth, inset: int) -> Picture:
    """White, with the old picture in black, less `inset` at the growing sides."""
    mask = Image.new("L", (grown.width, grown.height), "white")
    left = grown.left + (inset if grown.left else 0)
    top = grown.up + (inset if grown.up else 0)
    right = grown.width - grown.right - (inset if grown.right else 0)
    bottom = grown.height - grown.down - (inset if grown.down else 0)
    if right > left and bottom > top:
        mask.paste(0, (left, top, right, bottom))
    return mask


def play(call: Call) -> Play:
    """One tile after the other, each with the next seed."""
    request, plan = call.request, plan_of(call)
    canvas = Image.new("RGB", (plan.grown.width, plan.grown.height))
    picture = opaque(call.picture(), request.pictures.background)
    canvas.paste(picture, (plan.grown.left, plan.grown.up))
    tiles = plan.grid.cut(canvas)
    cells = _cells(call, plan, tiles)
    drawn = yield cells
    if not any(one.images for one in drawn):
        for one in drawn:
            one.pictures()  # says why, if there is a reason
        return []
    for number, one in zip(plan.beyond, drawn, strict=True):
        for result in one.pictures()[:1]:
            tiles[number] = result
    head: Drawn = next(one for one in drawn if one.images)
    return [Sheet(picture=plan.grid.joined(tiles), request=head.request, image=head.images[0])]


def _cells(call: Call, plan: Plan, tiles: list[Picture]) -> list[Cell]:
    args: PlainOutpaintingArgs = call.args
    request, wish = call.request, call.request.img2img
    assert wish is not None
    shown = plan.grid.cut(mask_of(plan.grown, SHOWN_INSET * args.mask_blur))
    fresh = plan.grid.cut(mask_of(plan.grown, args.mask_blur // 2))
    seed = call.fixed_seed(request.seeds.seed)
    cells = []
    for place, number in enumerate(plan.beyond):
        inpaint = Inpaint(
            mask=picture_data(shown[number]),
            latent_mask=picture_data(fresh[number]),
            blur=BLUR * args.mask_blur,
            content=args.inpainting_fill,
            area="Whole picture",
        )
        start = replace(wish, images=(picture_data(tiles[number]),), inpaint=inpaint)
        changed = replace(
            request,
            img2img=start,
            seeds=replace(request.seeds, seed=seed + place),
            batch=Batch(),
        )
        cells.append(Cell(request=changed, keep=False, shown=False))
    return cells


PLAIN_OUTPAINTING = Script(
    title="Poor man's outpainting",
    help="Makes the picture larger and inpaints what is new, tile by tile.",
    args=PlainOutpaintingArgs,
    play=play,
    tabs=(IMG2IMG,),
    check=check,
    batches=lambda call: len(plan_of(call).beyond),
)
