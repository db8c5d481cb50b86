"""What a stranger can read in a picture file besides its pixels, found by walking the file."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from modules.errors import InvalidRequest
from modules.service.credentials import may_have_manifest, read_manifest
from modules.service.provenance import MEANINGS, source_in
from modules.service.read_picture import CHUNKS, COMMENT, PNG_START, read_hidden_texts, read_texts

PIXELS_PNG = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM"})
PIXELS_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})
JPEG_TABLES = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0, 0xEE})
"""Segments without which a JPEG cannot be decoded, or that say how."""
XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
CREDENTIALS = "Content Credentials (C2PA)"
LONGEST = 20_000
"""Letters of a text that are shown."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that can be read."""

    where: str
    """The place in the file, in the words of its format."""
    text: str
    """What it says; where it is no text, what it is."""
    size: int
    """Bytes."""


def readable(content: bytes) -> tuple[Entry, ...]:
    """List what is in a picture file. Raises InvalidRequest for what is none."""
    if content.startswith(PNG_START):
        found = list(_in_png(content))
    elif content.startswith(b"\xff\xd8"):
        found = list(_in_jpeg(content))
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        found = list(_in_webp(content))
    else:
        found = list(_by_pillow(content))
    found += (
        Entry(where=f"Hidden in the pixels: {key}", text=text[:LONGEST], size=len(text))
        for key, text in read_hidden_texts(content).items()
    )
    return tuple(_explained(content, entry) for entry in found)


def media_type_of(content: bytes) -> str:
    """What a server calls the kind of a picture file. Raises InvalidRequest for what is none."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return Image.MIME.get(picture.format or "", "application/octet-stream")
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest("This is no picture that can be read.", "Choose another.") from error


def _explained(content: bytes, entry: Entry) -> Entry:
    """Credentials, and where a picture comes from, in words."""
    meaning = MEANINGS.get(source_in(entry.text.encode()))
    if meaning is not None:
        return Entry(where=entry.where, text=f"{meaning}\n\n{entry.text}", size=entry.size)
    if entry.where != CREDENTIALS:
        return entry
    found = read_manifest(content, media_type_of(content))
    if found is None:
        return entry
    text = f"Signed by {found.by or 'nobody'}; {found.state.lower()}."
    if found.ingredients:
        text += f" Made from: {', '.join(found.ingredients)}."
    return Entry(where=entry.where, text=text, size=entry.size)


def _in_png(content: bytes) -> Iterator[Entry]:
    at = len(PNG_START)
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        at += length + 12
        reader = CHUNKS.get(kind)
        if kind == b"caBX":
            yield Entry(where=CREDENTIALS, text="signed", size=length)
        elif reader is not None:
            texts = reader(body) or {"": "camera data"}
            for key, text in texts.items():
                where = f"PNG {kind.decode()} {key}".strip()
                yield Entry(where=where, text=text[:LONGEST], size=length)
        elif kind not in PIXELS_PNG:
            name = kind.decode("latin-1")
            yield Entry(where=f"PNG {name}", text=f"{length} bytes", size=length)
        if kind == b"IEND":
            break
    yield from _behind(content[at:])


def _in_jpeg(content: bytes) -> Iterator[Entry]:
    at = 2
    told = False
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        body = content[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:  # the pixels
            break
        if marker == 0xEB and may_have_manifest(body):
            if not told:
                yield Entry(where=CREDENTIALS, text="signed", size=length)
            told = True
        elif marker not in JPEG_TABLES:
            yield _jpeg_segment(marker, body, content)
    yield from _behind(content[content.rfind(b"\xff\xd9") + 2 :])


def _jpeg_segment(marker: int, body: bytes, content: bytes) -> Entry:
    size = len(body)
    if body.startswith(b"Exif\0"):
        return Entry(where="JPEG Exif", text=_exif_text(content), size=size)
    if body.startswith(XMP_START):
        text = body[len(XMP_START) :].decode("utf-8", "replace")
        return Entry(where="JPEG XMP", text=text[:LONGEST], size=size)
    if marker == 0xFE:
        return Entry(where="JPEG comment", text=body.decode("utf-8", "replace"), size=size)
    name = f"JPEG APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"JPEG {marker:02X}"
    return Entry(where=name, text=f"{size} bytes", size=size)


def _in_webp(content: bytes) -> Iterator[Entry]:
    at, end = 12, 8 + int.from_bytes(content[4:8], "little")
    while at + 8 <= min(end, len(content)):
        kind, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        body = content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if kind == b"C2PA":
            yield Entry(where=CREDENTIALS, text="signed", size=length)
        elif kind == b"EXIF":
            yield Entry(where="WebP EXIF", text=_exif_text(content), size=length)
        elif kind == b"XMP ":
            text = body.decode("utf-8", "replace")[:LONGEST]
            yield Entry(where="WebP XMP", text=text, size=length)
        elif kind not in PIXELS_WEBP:
            name = kind.decode("latin-1").strip()
            yield Entry(where=f"WebP {name}", text=f"{length} bytes", size=length)
    yield from _behind(content[end:])


def _by_pillow(content: bytes) -> Iterator[Entry]:
    """What Pillow tells of other formats."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            form, about = picture.format or "Picture", dict(picture.info)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest("This is no picture that can be read.", "Choose another.") from error
    named: dict[str, Callable[[bytes], str]] = {
        "exif": lambda _: _exif_text(content),
        "xmp": lambda body: body.decode("utf-8", "replace"),
        "icc_profile": lambda body: f"{len(body)} bytes",
    }
    for key, read in named.items():
        body = about.get(key)
        if body:
            text = read(body if isinstance(body, bytes) else str(body).encode())
            yield Entry(where=f"{form} {key}", text=text[:LONGEST], size=len(body))
    if may_have_manifest(content):
        yield Entry(where=CREDENTIALS, text="signed", size=0)


def _exif_text(content: bytes) -> str:
    """The recipe in EXIF, or the names of the tags there."""
    texts = read_texts(content)
    if COMMENT in texts:
        return texts[COMMENT][:LONGEST]
    with Image.open(io.BytesIO(content)) as picture:
        return ", ".join(str(tag) for tag in picture.getexif()) or "camera data"


def _behind(rest: bytes) -> Iterator[Entry]:
    """What follows the end of the picture."""
    if rest.strip(b"\0"):
        yield Entry(
            where="Behind the end of the picture", text=f"{len(rest)} bytes", size=len(rest)
        )
