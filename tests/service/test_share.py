"""Copies to give away: what is in them is what is said to be in them, and not a byte more."""

import io
import itertools
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.schema.inputs import ImageData
from modules.service.contents import readable
from modules.service.credentials import is_available, may_have_manifest, signed
from modules.service.formats import encode
from modules.service.picture import BLANK, Picture, picture_of
from modules.service.provenance import TRAINED, source_in, xmp_packet
from modules.service.read_pixels import read_pixels
from modules.service.share import Wish, share_copy
from modules.settings.settings import Settings

SECRETS = ("secret prompt", "secret comment", "secret key", "4711")
RECIPE = "secret prompt\nSteps: 5, Seed: 4711, Version: easel"
FORMATS = ("png", "jpg", "webp", "avif")
PIXELS = np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8)
IMAGE = ImageData(32, 32, "RGB", PIXELS.tobytes())


def row(path) -> Picture:
    about = {"id": "0123456789", "job": "", "position": 0, "kind": "image", "path": str(path)}
    more = {"infotext": RECIPE, "width": 32, "height": 32, "seed": 4711, "created": 0.0}
    return picture_of({**BLANK, **about, **more, "moment": 0})


@pytest.fixture
def picture(tmp_path) -> Picture:
    """A PNG that tells all it can, also where nobody looks."""
    path = tmp_path / "00001-4711-secret prompt.png"
    texts = {"parameters": RECIPE, "Comment": "secret comment", "XMP-like": "secret key"}
    content = encode(IMAGE, "", "png", texts=texts, xmp=xmp_packet(TRAINED)).data
    path.write_bytes(content + b"behind: secret prompt")
    return row(path)


def share(picture, **wish):
    return share_copy(picture, Wish(**wish), Settings(), picture.path.parent / "credentials")


def holds(content: bytes) -> list[str]:
    """Which secrets are in a file, in any of the usual ways of writing text."""
    codes = ("utf-8", "utf-16-be", "utf-16-le")
    return [one for one, code in itertools.product(SECRETS, codes) if one.encode(code) in content]


@pytest.mark.parametrize("form", FORMATS)
def test_a_private_copy_has_nothing_but_pixels(picture, form):
    copy = share(picture, level="private", format=form)
    assert not holds(copy.content)
    assert copy.entries == ()
    assert source_in(copy.content) == ""
    assert copy.name == f"picture-01234567.{form}"
    assert read_pixels(copy.content).width == 32


@pytest.mark.parametrize("form", FORMATS)
def test_a_shareable_copy_says_that_a_model_made_it_and_nothing_else(picture, form):
    copy = share(picture, level="shareable", format=form)
    assert not holds(copy.content)
    assert source_in(copy.content) == TRAINED
    [entry] = copy.entries
    assert "xmp" in entry.where.lower()
    assert TRAINED in entry.text


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_copy_has_the_recipe_and_says_so(picture, form):
    copy = share(picture, level="full", format=form)
    assert any(entry.text == RECIPE for entry in copy.entries), copy.entries


def test_a_full_copy_in_the_same_format_is_the_file_as_it_is(picture):
    copy = share(picture)
    assert copy.content == picture.path.read_bytes()
    places = [entry.where for entry in copy.entries]
    assert places[-1] == "Behind the end of the picture"
    assert {"PNG tEXt parameters", "PNG tEXt Comment", "PNG tEXt XMP-like"} <= set(places)


def test_lossless_copies_show_the_same_pixels_and_the_original_is_never_touched(picture):
    before = picture.path.read_bytes()
    for level in ("private", "shareable"):
        assert read_pixels(share(picture, level=level).content).data == IMAGE.data
    assert picture.path.read_bytes() == before


def test_texts_hidden_in_pixels_are_found_and_taken_out(tmp_path):
    text = b"secret prompt"
    bits = np.unpackbits(
        np.frombuffer(b"stealth_pnginfo" + (len(text) * 8).to_bytes(4, "big") + text, np.uint8)
    )
    alpha = np.full(32 * 32, 254, np.uint8)
    alpha[: len(bits)] |= bits
    hidden = np.dstack([PIXELS, alpha.reshape(32, 32).T])
    path = tmp_path / "a.png"
    Image.fromarray(hidden, "RGBA").save(path)
    picture = row(path)
    assert [entry.text for entry in share(picture).entries] == ["secret prompt"]
    assert share(picture, level="private").entries == ()
    assert read_pixels(share(picture, level="private").content).data == IMAGE.data


def test_every_place_of_a_jpeg_is_looked_at():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "secret comment"
    Image.fromarray(PIXELS).save(
        file, "JPEG", comment=b"secret key", exif=exif, icc_profile=b"profile" * 9, xmp=b"<x/>"
    )
    found = {entry.where: entry.text for entry in readable(file.getvalue() + b"more")}
    assert found["JPEG comment"] == "secret key"
    assert found["JPEG XMP"] == "<x/>"
    assert {"JPEG Exif", "JPEG APP2", "Behind the end of the picture"} <= set(found)


def test_damaged_files_end_the_search_and_break_nothing():
    info = PngInfo()
    info.add_text("parameters", RECIPE)
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG", pnginfo=info)
    for kind in (
        file.getvalue(),
        encode(IMAGE, RECIPE, "jpg").data,
        encode(IMAGE, "", "webp").data,
    ):
        for end in range(20, len(kind), 97):
            try:
                readable(kind[:end])
            except InvalidRequest:
                continue
    with pytest.raises(InvalidRequest):
        readable(b"no picture")


def test_what_cannot_be_is_refused_with_the_nearest_name(picture):
    with pytest.raises(NotFound, match="shareable"):
        share(picture, level="sharable")
    with pytest.raises(NotFound, match="picture format"):
        share(picture, format="bmp")
    with pytest.raises(InvalidRequest, match="cannot be signed"):
        share(picture, level="private", credentials=True)


def test_a_manifest_that_a_copy_would_lose_is_told(picture):
    content = picture.path.read_bytes()
    body = b"caBXjumb____jumdc2pa"  # where a manifest lies, with one that nothing can read
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    picture.path.write_bytes(content[:33] + chunk + content[33:])
    assert share(picture).notices == ()
    assert may_have_manifest(share(picture).content)
    [notice] = share(picture, level="shareable").notices
    assert "Content Credentials" in notice


def test_without_the_library_signing_says_what_to_install(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(WebUIError, match="c2pa-python"):
        share(picture, level="shareable", credentials=True)


@pytest.mark.skipif(not is_available(), reason="c2pa-python is not installed")
@pytest.mark.parametrize("form", FORMATS)
def test_signed_copies_are_valid_and_keep_what_was_signed_before(picture, form):
    first = share(picture, level="shareable", format=form, credentials=True)
    [signature] = [entry for entry in first.entries if "C2PA" in entry.where]
    assert "Easel local signer; valid" in signature.text
    assert not holds(first.content)
    other = picture.path.with_name(f"signed.{form}")
    other.write_bytes(first.content)
    second = share(row(other), level="shareable", format="png", credentials=True)
    [signature] = [entry for entry in second.entries if "C2PA" in entry.where]
    assert "Made from: start" in signature.text
    assert "kept" in second.notices[0]


@pytest.mark.skipif(not is_available(), reason="c2pa-python is not installed")
def test_a_changed_file_no_longer_counts_as_valid(picture, tmp_path):
    content = signed(encode(IMAGE, "", "png").data, "image/png", TRAINED, tmp_path / "c", None)
    assert "valid" in readable(content)[0].text
    at = content.index(b"IDAT") + 40
    changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    assert "invalid" in readable(changed)[0].text
