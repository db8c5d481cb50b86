"""Several pictures laid out in one."""

from collections.abc import Sequence
from math import ceil, isqrt, sqrt
from pathlib import Path

from PIL import Image

from modules.schema.inputs import ImageData
from modules.service.formats import from_pillow, to_pillow
from modules.service.names import Naming
from modules.service.saving import save_image
from modules.service.sealing import Seal
from modules.settings.sections.saving import Grids
from modules.settings.settings import Settings

GRID = "grid"
"""What the names of grids begin with."""


def wants_grid(count: int, grids: Grids) -> bool:
    """Whether `count` pictures get a grid."""
    return count > (1 if grids.only_if_multiple else 0)


def grid_rows(count: int, batch_size: int, grids: Grids) -> int:
    """Rows for `count` pictures: as set, or the batch size, or nearly square."""
    if grids.rows > 0:
        rows = grids.rows
    elif grids.rows == 0:
        rows = batch_size
    elif grids.no_empty_spots:
        rows = next(rows for rows in range(isqrt(count), 0, -1) if count % rows == 0)
    else:
        rows = round(sqrt(count))
    return max(1, min(rows, count))


def image_grid(images: Sequence[ImageData], rows: int) -> ImageData:
    """Lay pictures out row by row on black; smaller ones stand in the middle of their cell."""
    assert images, "a grid of nothing"
    columns = ceil(len(images) / rows)
    width = max(image.width for image in images)
    height = max(image.height for image in images)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        left = column * width + (width - image.width) // 2
        top = row * height + (height - image.height) // 2
        sheet.paste(to_pillow(image).convert("RGB"), (left, top))
    return from_pillow(sheet)


def save_grid(
    sheet: ImageData,
    infotext: str,
    *,
    folder: Path,
    settings: Settings,
    naming: Naming,
    source: str = "",
    seal: Seal | None = None,
) -> Path:
    """Write a grid as `grid-0000.png`. Raises WebUIError."""
    return save_image(
        sheet,
        infotext,
        folder=folder,
        settings=settings,
        naming=naming,
        base=GRID,
        source=source,
        seal=seal,
    )
