"""Any pictures of the gallery laid out in one, with words above each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from modules.errors import InvalidRequest
from modules.param import check_limits, param
from modules.paths import Paths
from modules.schema.infotext_parse import parse_infotext
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.formats import from_pillow
from modules.service.grid import save_grid
from modules.service.names import Naming
from modules.service.picture import Picture
from modules.service.saving import cannot_write, folder_for
from modules.service.scripts.legend import Label, Layout, table, with_legend
from modules.service.scripts.plot_page import PageCell, PlotPage
from modules.settings.files import write_atomically
from modules.settings.settings import Settings

FILE = "File name"
LONGEST_CAPTION = 300
"""Characters of a caption taken from a recipe."""
MOST_PICTURES = 1_000


@dataclass(frozen=True, kw_only=True)
class GridWish:
    """How the pictures are laid out."""

    columns: int = param(0, "Columns", minimum=0, maximum=100, help="0 is nearly a square.")
    caption: str = param(
        "",
        "Words above each picture",
        help="File name, or a key of recipes such as Prompt, Seed, Model or CFG scale.",
    )
    margin: int = param(8, "Margin in pixels", minimum=0, maximum=500)


def caption_of(picture: Picture, key: str) -> str:
    """What stands above a picture: its file's name, or what its recipe says; "" for nothing."""
    if key.strip().lower() == FILE.lower():
        return picture.path.name
    entries = {name.lower(): text for name, text in parse_infotext(picture.infotext).items()}
    return entries.get(key.strip().lower(), "")[:LONGEST_CAPTION] if key else ""


def make_grid(
    pictures: Sequence[Picture], wish: GridWish, settings: Settings, paths: Paths, person: str = ""
) -> Path:
    """Lay pictures out and save them as a grid with a page to zoom through; returns its file.

    Raises InvalidRequest if there are none or too many, WebUIError if a file is gone or the disk
    takes nothing.
    """
    check_limits(wish)
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise InvalidRequest(
            f"A grid of {len(pictures)} pictures cannot be made.", f"Choose 1 to {MOST_PICTURES}."
        )
    columns = min(wish.columns or round(len(pictures) ** 0.5) or 1, len(pictures))
    rows = -(-len(pictures) // columns)
    cells = [partial(_cell, one, caption_of(one, wish.caption), settings) for one in pictures]
    sizes = [cell().size for cell in cells]
    wide, high = max(size[0] for size in sizes), max(size[1] for size in sizes)
    megapixels = round(columns * rows * wide * high / 1_000_000)
    if megapixels > settings.grids.most_megapixels:
        raise InvalidRequest(
            f"The grid would have {megapixels} megapixels, but at most "
            f"{settings.grids.most_megapixels} fit.",
            "Choose fewer pictures, or change the limit in the settings.",
        )

    def at(column: int, row: int) -> Image.Image | None:
        place = row * columns + column
        if place < len(cells):
            return cells[place]()
        return Image.new("RGB", (wide, high), settings.grids.background)

    sheet = table(Layout(columns, rows, wide, high, wish.margin), at, settings.grids.background)
    first = pictures[0]
    image = GeneratedImage(
        index=0,
        seed=first.seed,
        subseed=0,
        prompt=caption_of(first, "Prompt"),
        negative_prompt="",
        width=sheet.width,
        height=sheet.height,
        kind="grid",
    )
    path = save_grid(
        from_pillow(sheet),
        first.infotext,
        folder=folder_for(settings, paths, "txt2img", grid=True, person=person),
        settings=settings,
        naming=Naming(request=GenerationRequest(), image=image),
    )
    if settings.grids.page:
        _write_page(pictures, wish, columns, settings, path)
    return path


def _cell(picture: Picture, caption: str, settings: Settings) -> Image.Image:
    """A picture with its caption. Raises InvalidRequest if its file is gone."""
    try:
        with Image.open(picture.path) as opened:
            pixels = opened.convert("RGB")
    except OSError as error:
        raise InvalidRequest(
            f"The picture {picture.path.name} is gone or damaged.", "Leave it out."
        ) from error
    layout = Layout(1, 1, pixels.width, pixels.height)
    return with_legend(pixels, layout, [[Label(caption)]], [[Label("")]], settings.grids)


def _write_page(
    pictures: Sequence[Picture], wish: GridWish, columns: int, settings: Settings, beside: Path
) -> None:
    cells = [
        PageCell(
            place=(number % columns, number // columns, 0),
            picture=partial(_cell, one, caption_of(one, wish.caption), settings),
            recipe=one.infotext if settings.recipe.write else "",
        )
        for number, one in enumerate(pictures)
    ]
    rows = -(-len(pictures) // columns)
    page = PlotPage(title=beside.stem, x=[""] * columns, y=[""] * rows, z=[""], cells=cells)
    try:
        write_atomically(beside.with_suffix(".html"), page.html())
    except OSError as error:
        raise cannot_write(beside.parent, error) from error
