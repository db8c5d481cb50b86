"""A copy of a picture to give away, that tells strangers as much as one wants and nothing more."""

from dataclasses import dataclass, replace
from pathlib import Path

from modules.errors import InvalidRequest, NotFound
from modules.schema.inputs import ImageData
from modules.service.contents import Entry, media_type_of, readable
from modules.service.credentials import may_have_manifest, signed
from modules.service.formats import FORMATS, Encoded, encode, to_pillow
from modules.service.picture import Picture
from modules.service.provenance import LEVELS, inside, source_after
from modules.service.read_picture import read_hidden_texts, read_texts, recipe_in
from modules.service.read_pixels import read_pixels
from modules.settings.sections.recipe import FULL, PRIVATE
from modules.settings.settings import Settings

NEARLY_OPAQUE = 254
"""Least alpha of pictures that hide a text in its last bits."""
LOST = (
    'The picture carries Content Credentials, which this copy does not have. Choose "full" and '
    "the format as it is to keep the file untouched, or add credentials: they include the old ones."
)
KEPT = "The picture's own Content Credentials are kept as those of its origin."


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a copy is to be."""

    level: str = FULL
    format: str = ""
    """Empty is the format of the original."""
    credentials: bool = False
    """Whether it is signed (C2PA)."""

    def check(self) -> None:
        """Raise NotFound or InvalidRequest for what cannot be done."""
        if self.level not in LEVELS:
            raise NotFound("level", self.level, LEVELS)
        if self.format and self.format not in FORMATS:
            raise NotFound("picture format", self.format, FORMATS)
        if self.credentials and self.level == PRIVATE:
            raise InvalidRequest(
                "A private copy tells nothing, so it cannot be signed.", "Choose another level."
            )


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A file to give away."""

    content: bytes
    name: str
    media_type: str
    entries: tuple[Entry, ...]
    """What can be read in it."""
    notices: tuple[str, ...] = ()


def share_copy(picture: Picture, wish: Wish, settings: Settings, identity: Path) -> Copy:
    """Make a copy of a picture; the original stays as it is.

    `identity` is the folder with the certificate. Raises WebUIError.
    """
    wish.check()
    original = picture.path.read_bytes()
    had_manifest = may_have_manifest(original)
    untouched = wish.level == FULL and not wish.credentials
    if untouched and wish.format in ("", picture.path.suffix.lower().removeprefix(".")):
        encoded = Encoded(original, picture.path.suffix)
    else:
        encoded = _encoded(picture, original, wish, settings)
    notices = []
    if wish.credentials:
        parent = (media_type_of(original), original) if had_manifest else None
        source = source_after(original, picture.infotext, enhanced=True)
        kind = media_type_of(encoded.data)
        data = signed(encoded.data, kind, source, identity, parent)
        encoded = replace(encoded, data=data)
        notices += [KEPT] if parent else []
    elif had_manifest and encoded.data != original:
        notices.append(LOST)
    return Copy(
        content=encoded.data,
        name=f"picture-{picture.id[:8]}{encoded.suffix}",
        media_type=media_type_of(encoded.data),
        entries=readable(encoded.data),
        notices=tuple(notices),
    )


def _encoded(picture: Picture, original: bytes, wish: Wish, settings: Settings) -> Encoded:
    """The pixels anew, with nothing beside them but what the level allows."""
    infotext = picture.infotext or recipe_in(read_texts(original))
    always = replace(settings, recipe=replace(settings.recipe, write=True, source_type=True))
    source = source_after(original, infotext, enhanced=False)
    told = inside(always, infotext, source, wish.level)
    pixels = read_pixels(original)
    if wish.level != FULL and read_hidden_texts(original):
        pixels = _without_hidden(pixels)
    return encode(
        pixels,
        told.infotext,
        wish.format or picture.path.suffix.lower().removeprefix("."),
        quality=settings.saving.quality,
        lossless=settings.saving.webp_lossless,
        xmp=told.xmp,
    )


def _without_hidden(pixels: ImageData) -> ImageData:
    """A picture without the text in the last bits of its values."""
    picture = to_pillow(pixels)
    if picture.mode == "RGBA" and not any(picture.getchannel("A").histogram()[:NEARLY_OPAQUE]):
        plain = picture.convert("RGB")
    else:
        plain = picture.point(lambda value: value & ~1)
    return ImageData(plain.width, plain.height, plain.mode, plain.tobytes())
