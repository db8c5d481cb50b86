"""How large a table of pictures may become."""

from modules.errors import InvalidRequest
from modules.schema.request import GenerationRequest
from modules.service.complete_pictures import largest_sides
from modules.settings.sections.saving import Grids

MOST_CELLS = 10_000


def check_count(count: int) -> None:
    """Raise InvalidRequest if a script would draw too often."""
    if count > MOST_CELLS:
        raise InvalidRequest(
            f"That would be {count:,} parts of one job, but at most {MOST_CELLS:,} are drawn.",
            "Take fewer values.",
        )


def check_table(count: int, request: GenerationRequest, grids: Grids) -> None:
    """Raise InvalidRequest if a table of `count` pictures would be too large."""
    check_count(count)
    width, height = largest_sides(request)
    megapixels = round(count * width * height / 1_000_000)
    if megapixels > grids.most_megapixels:
        raise InvalidRequest(
            f"The table would have {megapixels} megapixels, but at most "
            f"{grids.most_megapixels} fit.",
            "Take fewer values or smaller pictures, or change the limit in the settings.",
        )
