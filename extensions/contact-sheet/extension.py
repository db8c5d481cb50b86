"""Adds one more picture to each job of several: small prints of all, with their seeds."""

from collections.abc import Iterator

from modules.extension.hooks import Draw, hook
from modules.schema.event import Event, ImageReady
from modules.schema.request import GenerationRequest

FEWEST = 2
"""Pictures of a job that deserve a sheet."""


@hook
def around_drawing(
    request: GenerationRequest, draw: Draw, start_image: int
) -> Iterator[Event]:
    """Let the pictures pass, keep small prints of them, and add the sheet after the last."""
    prints = []
    last = None
    for event in draw(request, start_image, ()):
        yield event
        if isinstance(event, ImageReady) and event.image.image is not None:
            from . import sheet

            prints.append(sheet.print_of(event.image.image, str(event.image.seed)))
            last = event.image
    if last is not None and len(prints) >= FEWEST:
        from . import sheet

        yield ImageReady(image=sheet.sheet_image(prints, last))
