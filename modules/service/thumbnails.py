"""Small pictures made of large ones, for the history and for those who watch."""

import io
from pathlib import Path

from PIL import Image

from modules.errors import NotFound, WebUIError
from modules.service.formats import encode, from_pillow
from modules.service.picture import Picture
from modules.settings.files import write_atomically
from modules.settings.sections.saving import Saving

THUMBNAIL_SIDE = 320
"""Pixels of a thumbnail's longer side."""


def thumbnail_of(picture: Picture, folder: Path) -> Path:
    """A picture's small WebP in `folder`, made at first. Raises NotFound, WebUIError."""
    small = folder / picture.id[:2] / f"{picture.id}.webp"
    if small.is_file():
        return small
    try:
        with Image.open(picture.path) as opened:
            opened.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            opened.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            buffer = io.BytesIO()
            opened.convert("RGB").save(buffer, "WEBP", quality=80, method=2)
        small.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(small, buffer.getvalue())
    except FileNotFoundError as error:
        raise NotFound("picture", picture.id) from error
    except OSError as error:
        raise WebUIError(f"No thumbnail could be made of {picture.path.name}.") from error
    return small


def converted(jpeg: bytes, saving: Saving) -> bytes:
    """Return a JPEG in the format pictures are saved in."""
    if saving.format in ("jpg", "jpeg"):
        return jpeg
    with Image.open(io.BytesIO(jpeg)) as opened:
        return encode(from_pillow(opened), "", saving.format, quality=saving.quality).data
