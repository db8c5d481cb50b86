"""SD upscale: a picture enlarged, then drawn over tile by tile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from PIL import Image

from modules.errors import InvalidRequest
from modules.param import param
from modules.schema.hires_size import upscaler_names
from modules.schema.request import Batch, GenerationRequest
from modules.schema.result import Fact
from modules.service.enlarge import NONE
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
from modules.service.scripts.tiles import TileGrid, tile_grid

MOST_TILES = 10_000


@dataclass(frozen=True, kw_only=True)
class SdUpscaleArgs:
    """How much larger, and by what."""

    overlap: int = param(
        64,
        "Tile overlap",
        infotext="SD upscale overlap",
        minimum=0,
        maximum=4096,
        slider=(0, 256),
        step=16,
        help="Pixels; the wider, the softer the seams.",
    )
    upscaler: str = param("None", "Upscaler", infotext="SD upscale upscaler", choices="upscalers")
    scale: float = param(2.0, "Scale Factor", minimum=1, maximum=16, slider=(1, 4), step=0.05)


def enlarged(call: Call) -> Picture:
    """The request's picture (RGB), larger; with the upscaler None as it is."""
    args: SdUpscaleArgs = call.args
    picture = opaque(call.picture(), call.request.pictures.background)
    if args.upscaler == NONE:
        return picture
    return call.enlarge(picture, args.scale, args.upscaler)


def opaque(picture: Picture, background: str) -> Picture:
    """RGB, with `background` behind what is transparent."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, background)
    return Image.alpha_composite(ground, picture).convert("RGB")


def large_size(call: Call) -> tuple[int, int]:
    """Width and height in pixels of what is cut into tiles."""
    args: SdUpscaleArgs = call.args
    picture = call.picture()
    if args.upscaler == NONE:
        return picture.size
    return int(picture.width * args.scale) // 8 * 8, int(picture.height * args.scale) // 8 * 8


def grid_of(request: GenerationRequest, sides: tuple[int, int], overlap: int) -> TileGrid:
    """Tiles of the request's size over a picture of these sides. Raises InvalidRequest."""
    size = request.size
    if overlap >= min(size.width, size.height):
        raise InvalidRequest(
            f"Tiles of {size.width}x{size.height} pixels cannot overlap by {overlap}.",
            "Lower the overlap, or draw larger tiles.",
        )
    grid = tile_grid(*sides, size.width, size.height, overlap)
    if len(grid.places) > MOST_TILES:
        raise InvalidRequest(
            f"That would be {len(grid.places):,} tiles, but at most {MOST_TILES:,} are drawn.",
            "Lower the scale or the overlap, or draw larger tiles.",
        )
    return grid


def check(call: Call) -> None:
    """Raise InvalidRequest if the picture cannot be cut."""
    batches(call)


def batches(call: Call) -> int:
    """How many batches of tiles there are in all. Raises InvalidRequest."""
    tiles = len(grid_of(call.request, large_size(call), call.args.overlap).places)
    batch = call.request.batch
    return ceil(tiles / batch.batch_size) * batch.n_iter


def play(call: Call) -> Play:
    """Tiles in reading order, in batches; the next batch has the next seed."""
    args: SdUpscaleArgs = call.args
    picture = enlarged(call)
    grid = grid_of(call.request, picture.size, args.overlap)
    tiles = grid.cut(picture)
    facts: tuple[Fact, ...] = (
        ("SD upscale overlap", args.overlap),
        ("SD upscale upscaler", args.upscaler),
    )
    first = call.fixed_seed(call.request.seeds.seed)
    sheets: list[Sheet] = []
    for repetition in range(call.request.batch.n_iter):
        cells = cells_of(call.request, tiles, first + repetition, facts)
        drawn = yield cells
        if not any(one.images for one in drawn):
            for one in drawn:
                one.pictures()  # says why, if there is a reason
            break
        results = _results(tiles, drawn)
        head = next(one for one in drawn if one.images)
        sheets.append(
            Sheet(
                picture=grid.joined(results),
                request=head.request,
                image=head.images[0],
                facts=facts,
            )
        )
    return sheets


def cells_of(
    request: GenerationRequest, tiles: Sequence[Picture], seed: int, facts: tuple[Fact, ...]
) -> list[Cell]:
    """The tiles in batches; what is not saved by itself."""
    wish, count = request.img2img, request.batch.batch_size
    assert wish is not None
    cells = []
    for number, begin in enumerate(range(0, len(tiles), count)):
        part = tiles[begin : begin + count]
        changed = replace(
            request,
            img2img=replace(wish, images=tuple(picture_data(tile) for tile in part), inpaint=None),
            seeds=replace(request.seeds, seed=seed + number),
            batch=Batch(batch_size=len(part)),
        )
        cells.append(Cell(request=changed, facts=facts, keep=False, shown=False))
    return cells


def _results(tiles: Sequence[Picture], drawn: Sequence[Drawn]) -> list[Picture]:
    """What was drawn of each tile; a skipped one stays as it was. Raises a tile's error."""
    results: list[Picture] = []
    for one in drawn:
        begin, pictures = len(results), one.pictures()
        count = max(1, one.request.batch.batch_size)
        results += [
            pictures[place] if place < len(pictures) else tiles[begin + place]
            for place in range(min(count, len(tiles) - begin))
        ]
    return results


SD_UPSCALE = Script(
    title="SD upscale",
    help="Enlarges the picture, then draws over it in overlapping tiles of the size set above.",
    args=SdUpscaleArgs,
    play=play,
    tabs=(IMG2IMG,),
    check=check,
    batches=batches,
    layout=("", "overlap", "upscaler", "scale"),
    menus={"upscalers": lambda tab, catalogue: upscaler_names(catalogue)},
)
