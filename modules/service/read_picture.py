"""The recipe inside a picture file, read without decoding pixels."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.schema.foreign.readers import read_foreign, read_plain
from modules.schema.foreign.values import Reading
from modules.service.stealth import read_stealth

PNG_START = b"\x89PNG\r\n\x1a\n"
LONGEST_TEXT = 16 * 2**20
"""Bytes of text in one chunk; more is no recipe."""
LONGEST_RECIPE_FILE = 40_000
"""Bytes of a text file that is taken for a recipe."""
MOST_CHUNKS = 100_000

RECIPE = "parameters"
COMMENT = "UserComment"
LOSSLESS = ("PNG", "WEBP")
"""Where A1111 keeps the recipe in PNG text and in EXIF; formats whose pixels can hide one."""


def read_infotext_from(source: Path | bytes) -> str:
    """Return the recipe in a picture or a short text file; "" if the picture has none.

    Pictures are PNG, JPEG, WebP, AVIF and GIF, damaged ones as far as they go. Raises
    InvalidRequest for anything else, and NotFound for a missing file.
    """
    return recipe_in(read_texts(source))


def recipe_of(path: Path) -> str:
    """Return the recipe in a picture; "" if it has none or cannot be read."""
    try:
        return read_infotext_from(path)
    except WebUIError:
        return ""


def recipe_in(texts: Mapping[str, str]) -> str:
    """Return the recipe among a picture's texts, other programs' rewritten; "" if there is none."""
    return reading_in(texts).infotext


def reading_in(texts: Mapping[str, str]) -> Reading:
    """Return the recipe among a picture's texts, with who wrote it and what has no place in it."""
    theirs = read_foreign(texts)
    if theirs is not None:
        return theirs
    return read_plain(texts.get(COMMENT) or texts.get(RECIPE) or texts.get("comment") or "")


def read_whole(content: bytes) -> tuple[Reading, dict[str, str]]:
    """Return a picture's recipe and all of its texts, those hidden in its pixels if need be.

    Raises as `read_infotext_from`.
    """
    texts = read_texts(content)
    found = reading_in(texts)
    if not found.infotext:
        hidden = read_hidden_texts(content)
        texts, found = {**texts, **hidden}, reading_in(hidden)
    return found, texts


def read_hidden_texts(content: bytes) -> dict[str, str]:
    """Return the texts hidden in the pixels of a picture, which are decoded for it; often none."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return read_stealth(picture) if picture.format in LOSSLESS else {}
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, struct.error):
        return {}


def read_texts(source: Path | bytes) -> dict[str, str]:
    """Return every text in a picture by its key ("parameters", "UserComment", "Software", ...).

    Raises as `read_infotext_from`.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), "The data")
    try:
        with source.open("rb") as file:
            return _read(file, source.name)
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound("file", source.name) from None
    except OSError as error:
        raise WebUIError(f"{source.name} cannot be read: {error.strerror}.") from error


def _read(file: BinaryIO, name: str) -> dict[str, str]:
    if file.read(len(PNG_START)) == PNG_START:
        return _png_texts(file)
    file.seek(0)
    try:
        return _other_texts(file)
    except UnidentifiedImageError:
        file.seek(0)
        return {RECIPE: _short_text(file.read(LONGEST_RECIPE_FILE + 1), name)}
    except Image.DecompressionBombError:
        raise InvalidRequest(f"{name} claims to have too many pixels.") from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InvalidRequest(f"{name} is a damaged picture: {error}.") from error


def _short_text(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > LONGEST_RECIPE_FILE or "\0" in text:
        raise InvalidRequest(
            f"{name} is neither a picture nor a short text.",
            "Use a PNG, JPEG, WebP, AVIF or GIF file, or a text file of up to 40 KB.",
        )
    return text


def _other_texts(file: BinaryIO) -> dict[str, str]:
    """Texts of formats that Pillow reads; pixels stay undecoded."""
    with Image.open(file) as picture:
        texts = {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
        comment = picture.info.get("comment")
        if picture.format == "GIF" and isinstance(comment, bytes):
            texts["comment"] = comment.decode("utf-8", "ignore")
        exif = picture.getexif()
        texts |= _graphs_of(exif)
        comment = _comment_of(exif)
    return texts | ({COMMENT: comment} if comment else {})


def _graphs_of(exif: Image.Exif) -> dict[str, str]:
    """What ComfyUI writes where cameras write their names: `prompt:{...}` and `workflow:{...}`."""
    texts: dict[str, str] = {}
    for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.ImageDescription):
        key, colon, text = str(exif.get(tag, "")).partition(":")
        if colon and key.strip().lower() in ("prompt", "workflow"):
            texts[key.strip().lower()] = text
    return texts


def _comment_of(exif: Image.Exif) -> str:
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    return decode_comment(comment) if isinstance(comment, bytes) else str(comment)


def decode_comment(comment: bytes) -> str:
    """Read an EXIF UserComment: eight bytes name the encoding, anything else is UTF-8."""
    label, body = comment[:8], comment[8:]
    if label == b"UNICODE\0":
        return body.decode(_byte_order(body), "ignore").strip("\0")
    if label == b"ASCII\0\0\0":
        return body.decode("utf-8", "ignore").strip("\0")
    if label == b"JIS\0\0\0\0\0":
        return body.decode("iso2022_jp", "ignore").strip("\0")
    return comment.decode("utf-8", "ignore").strip("\0")


def _byte_order(body: bytes) -> str:
    """Big-endian by the standard; some programs write the other one, which shows in the zeros."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    swapped = body[1::2].count(0) > body[0::2].count(0)
    return "utf-16-le" if swapped else "utf-16-be"


def _png_texts(file: BinaryIO) -> dict[str, str]:
    """Walk the chunks of a PNG; stops where the file does."""
    texts: dict[str, str] = {}
    for _ in range(MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            break
        reader = CHUNKS.get(kind)
        if reader is None or length > LONGEST_TEXT:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        body = file.read(length)
        file.seek(4, io.SEEK_CUR)
        if len(body) < length:
            break
        texts |= reader(body)
    return texts


def _plain_chunk(body: bytes) -> dict[str, str]:
    key, _, text = body.partition(b"\0")
    return {key.decode("latin-1"): text.decode("latin-1")}


def _packed_chunk(body: bytes) -> dict[str, str]:
    key, _, rest = body.partition(b"\0")
    return {key.decode("latin-1"): _unpack(rest[1:]).decode("latin-1")}


def _international_chunk(body: bytes) -> dict[str, str]:
    key, _, rest = body.partition(b"\0")
    packed, rest = rest[:1] == b"\x01", rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, text = rest.partition(b"\0")
    data = _unpack(text) if packed else text
    return {key.decode("latin-1"): data.decode("utf-8", "replace")}


def _exif_chunk(body: bytes) -> dict[str, str]:
    exif = Image.Exif()
    try:
        exif.load(body)
        comment = _comment_of(exif)
    except (SyntaxError, ValueError, KeyError, OSError, struct.error):
        return {}
    return {COMMENT: comment} if comment else {}


def _unpack(data: bytes) -> bytes:
    """Decompress, but never more than a recipe can be."""
    try:
        return zlib.decompressobj().decompress(data, LONGEST_TEXT)
    except zlib.error:
        return b""


CHUNKS: dict[bytes, Callable[[bytes], dict[str, str]]] = {
    b"tEXt": _plain_chunk,
    b"zTXt": _packed_chunk,
    b"iTXt": _international_chunk,
    b"eXIf": _exif_chunk,
}
