"""Pixels to the bytes of a picture file, with the recipe where other programs look for it."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image, features
from PIL.PngImagePlugin import PngInfo

from modules.errors import NotFound
from modules.schema.inputs import ImageData

PNG_LEVEL = 2
"""zlib level: a third of the time of Pillow's default for a few percent more bytes."""

UNICODE = b"UNICODE\0"
"""Prefix of an EXIF UserComment in UTF-16, big-endian."""

XMP_KEY = "XML:com.adobe.xmp"
"""Of the PNG chunk with an XMP packet."""

JPEG_EXIF_BYTES = 65_533 - 6
"""A JPEG segment holds no more."""


@dataclass(frozen=True)
class Encoded:
    """A picture file as bytes. `suffix` is what was written, which may not be what was asked."""

    data: bytes
    suffix: str


@dataclass(frozen=True)
class Format:
    """One way to write a picture; `side` is the largest side in pixels it can hold."""

    pillow: str
    side: int
    modes: tuple[str, ...]
    options: Callable[[int, bool], dict[str, Any]]
    """Pillow's options for quality (1 to 100) and lossless."""


JPEG = Format(
    "JPEG", 65_500, ("L", "RGB"), lambda quality, lossless: {"quality": quality, "optimize": False}
)
FORMATS: dict[str, Format] = {
    "png": Format(
        "PNG",
        2**31 - 1,
        ("L", "RGB", "RGBA"),
        lambda quality, lossless: {"compress_level": PNG_LEVEL},
    ),
    "jpg": JPEG,
    "jpeg": JPEG,
    "webp": Format(
        "WEBP",
        16_383,
        ("RGB", "RGBA"),
        lambda quality, lossless: {"quality": quality, "lossless": lossless, "method": 4},
    ),
    "avif": Format("AVIF", 65_536, ("RGB", "RGBA"), lambda quality, lossless: {"quality": quality}),
}


def encode(
    image: ImageData,
    infotext: str,
    format: str,
    *,
    quality: int = 80,
    lossless: bool = False,
    texts: Mapping[str, str] | None = None,
    xmp: str = "",
) -> Encoded:
    """Write `image` as a file of `format`, with `infotext` inside if it is not empty.

    `texts` are more of them by their keys, which only a PNG can hold; `xmp` is a packet of that
    name, which all formats can.

    Where size or recipe do not fit the format, or this installation cannot write it, the file is a
    PNG: nothing is lost, and the suffix says so. Raises NotFound for an unknown format.
    """
    name = format.strip().lower().removeprefix(".")
    if name not in FORMATS:
        raise NotFound("picture format", format, FORMATS)
    chosen = FORMATS[name]
    infotext = infotext.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    exif = user_comment(infotext) if infotext and chosen.pillow != "PNG" else b""
    too_long = chosen.pillow == "JPEG" and len(exif) > JPEG_EXIF_BYTES
    if max(image.width, image.height) > chosen.side or too_long or not _writable(chosen):
        return encode(image, infotext, "png", texts=texts, xmp=xmp)
    picture = to_pillow(image)
    if picture.mode not in chosen.modes:
        picture = picture.convert("RGB")
    options = chosen.options(quality, lossless)
    if exif:
        options["exif"] = exif
    if chosen.pillow == "PNG":
        recipe = {"parameters": infotext} if infotext else {}
        options["pnginfo"] = png_texts({**recipe, **(texts or {})}, xmp)
    elif xmp:
        options["xmp"] = xmp.encode()
    buffer = io.BytesIO()
    picture.save(buffer, chosen.pillow, **options)
    return Encoded(buffer.getvalue(), f".{name}")


def _writable(chosen: Format) -> bool:
    return chosen.pillow != "AVIF" or bool(features.check("avif"))


def png_texts(texts: Mapping[str, str], xmp: str = "") -> PngInfo:
    """Text chunks: tEXt where Latin-1 is enough, else iTXt; an XMP packet has its own key."""
    info = PngInfo()
    for key, text in texts.items():
        if not (xmp and key == XMP_KEY):
            info.add_text(key, text)
    if xmp:
        info.add_itxt(XMP_KEY, xmp)
    return info


def user_comment(text: str) -> bytes:
    """An EXIF block whose UserComment is `text`."""
    exif = Image.Exif()
    comment = UNICODE + text.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif.tobytes()


def to_pillow(image: ImageData) -> Image.Image:
    """Pillow's picture of the same pixels."""
    return Image.frombytes(image.mode, (image.width, image.height), image.data)


def from_pillow(picture: Image.Image) -> ImageData:
    """Our record of the same pixels; modes other than L, RGB and RGBA become RGB."""
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    return ImageData(picture.width, picture.height, picture.mode, picture.tobytes())
