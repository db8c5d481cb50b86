"""Recipes are found in files of other programs, and bad files do no harm."""

import io
import random
import struct
import zlib

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.schema.inputs import ImageData
from modules.service.formats import encode
from modules.service.read_picture import decode_comment, read_infotext_from, read_texts

RECIPE = "a cat\nSteps: 20, Sampler: Euler, Seed: 1"
SMALL = ImageData(4, 4, "RGB", bytes(48))


def chunk(kind, body):
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + RECIPE.encode("utf-16-be"),
        b"UNICODE\0" + RECIPE.encode("utf-16-le"),
        b"UNICODE\0" + RECIPE.encode("utf-16"),
        b"ASCII\0\0\0" + RECIPE.encode(),
        RECIPE.encode(),
    ],
)
def test_every_spelling_of_an_exif_comment_is_read(comment):
    assert decode_comment(comment) == RECIPE


def test_an_exif_comment_replaces_the_chunk():
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0new"
    info = PngInfo()
    info.add_text("parameters", "old")
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=info, exif=exif.tobytes())
    assert read_infotext_from(buffer.getvalue()) == "new"


def test_gif_comments_are_read():
    buffer = io.BytesIO()
    Image.new("P", (2, 2)).save(buffer, "GIF", comment="é: 1".encode())
    assert read_infotext_from(buffer.getvalue()) == "é: 1"


def test_chunks_behind_the_pixels_and_packed_ones_are_read():
    late = png(chunk(b"IDAT", b"x"), chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"late")))
    assert read_infotext_from(late) == "late"
    packed = b"parameters\0\x01\0\0\0" + zlib.compress("日本".encode())
    assert read_infotext_from(png(chunk(b"iTXt", packed))) == "日本"


def test_all_texts_are_listed():
    data = png(chunk(b"tEXt", b"Software\0NovelAI"), chunk(b"tEXt", b"parameters\0x"))
    assert read_texts(data) == {"Software": "NovelAI", "parameters": "x"}


def test_a_picture_without_recipe_has_an_empty_one():
    assert read_infotext_from(encode(SMALL, "", "png").data) == ""
    assert read_infotext_from(encode(SMALL, "", "webp").data) == ""


def test_text_files_are_recipes(tmp_path):
    path = tmp_path / "recipe.txt"
    path.write_text(RECIPE, encoding="utf-8-sig")
    assert read_infotext_from(path) == RECIPE


@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"\xff\xfe\xfd", b"x" * 50_000])
def test_other_files_are_refused_with_advice(data):
    with pytest.raises(InvalidRequest, match=r"PNG, JPEG"):
        read_infotext_from(data)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(NotFound, match=r"gone\.png"):
        read_infotext_from(tmp_path / "gone.png")


def test_a_bomb_of_text_is_unpacked_only_so_far():
    bomb = zlib.compress(bytes(64 * 2**20))
    data = png(chunk(b"zTXt", b"parameters\0\0" + bomb))
    assert len(read_infotext_from(data)) == 16 * 2**20


def test_a_bomb_of_pixels_is_never_decoded():
    huge = bytearray(encode(SMALL, RECIPE, "png").data)
    huge[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    assert read_infotext_from(bytes(huge)) == RECIPE
    gif = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0;"
    with pytest.raises(WebUIError):
        read_infotext_from(gif)


@pytest.mark.filterwarnings("ignore:.*(EXIF|Truncated|Metadata).*")
@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_truncated_and_damaged_files_never_break_anything(form):
    data = encode(SMALL, RECIPE, form).data
    source = random.Random(1)
    for length in range(0, len(data), 3):
        harmless(data[:length])
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(source.randrange(1, 6)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        harmless(bytes(damaged))


def harmless(data):
    try:
        assert isinstance(read_infotext_from(data), str)
    except WebUIError as error:
        assert error.message
