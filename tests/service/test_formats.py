"""Picture files hold the pixels and the recipe."""

import io
from pathlib import Path

import pytest
from PIL import Image, features

from modules.errors import NotFound
from modules.schema.inputs import ImageData
from modules.service.formats import FORMATS, encode, from_pillow, to_pillow
from modules.service.read_picture import read_infotext_from

RECIPE = "a cat\nNegative prompt: x\nSteps: 20, Sampler: Euler, Seed: 1"
UNICODE_RECIPE = "日本語 🐈, é\nSteps: 20, Sampler: Euler, Seed: 1"
AVIF = pytest.param("avif", marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF"))


def picture(width=16, height=8, mode="RGB"):
    channels = len(mode)
    data = bytes((7 * place) % 256 for place in range(width * height * channels))
    return ImageData(width, height, mode, data)


def plain(colour, width, height):
    return from_pillow(Image.new("RGB", (width, height), colour))


@pytest.mark.parametrize("form", ["png", "jpg", "jpeg", "webp", AVIF])
@pytest.mark.parametrize("text", [RECIPE, UNICODE_RECIPE, "x" * 20_000])
def test_the_recipe_comes_back_from_every_format(form, text):
    encoded = encode(picture(), text, form)
    assert encoded.suffix == f".{form}"
    assert read_infotext_from(encoded.data) == text


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_png_keeps_every_pixel(mode):
    original = picture(mode=mode)
    assert from_pillow(Image.open(io.BytesIO(encode(original, RECIPE, "png").data))) == original


def test_lossless_webp_keeps_every_pixel():
    original = picture()
    encoded = encode(original, RECIPE, "webp", lossless=True)
    assert from_pillow(Image.open(io.BytesIO(encoded.data))) == original


def test_quality_changes_the_size():
    noisy = picture(64, 64)
    assert len(encode(noisy, "", "jpg", quality=95).data) > len(
        encode(noisy, "", "jpg", quality=20).data
    )


def test_transparent_pictures_become_opaque_jpegs():
    encoded = encode(picture(mode="RGBA"), RECIPE, "jpg")
    assert Image.open(io.BytesIO(encoded.data)).mode == "RGB"


def test_latin_text_is_a_plain_chunk_and_other_text_an_international_one():
    assert b"tEXtparameters\0a caf\xe9" in encode(picture(), "a café", "png").data
    assert b"iTXtparameters\0" in encode(picture(), "日本語", "png").data


def test_exif_text_is_utf_16_big_endian():
    assert b"UNICODE\0" + "日本".encode("utf-16-be") in encode(picture(), "日本", "webp").data


@pytest.mark.parametrize(("form", "width"), [("webp", 16_384), ("jpg", 65_501)])
def test_pictures_too_large_for_a_format_become_png(form, width):
    encoded = encode(plain("red", width, 1), RECIPE, form)
    assert encoded.suffix == ".png"
    assert read_infotext_from(encoded.data) == RECIPE


def test_a_recipe_too_long_for_jpeg_makes_a_png():
    encoded = encode(picture(), "ä" * 40_000, "jpg")
    assert encoded.suffix == ".png"
    assert read_infotext_from(encoded.data) == "ä" * 40_000


def test_half_characters_cannot_break_a_file():
    assert read_infotext_from(encode(picture(), "a\ud800b", "png").data) == "a\ufffdb"


def test_unknown_formats_are_named():
    with pytest.raises(NotFound, match="webp"):
        encode(picture(), "", "wepb")


def test_every_format_says_what_it_can_hold():
    assert all(form.side > 16_000 and form.modes for form in FORMATS.values())


def test_pictures_of_other_programs_are_converted():
    assert from_pillow(Image.new("P", (2, 2))).mode == "RGB"
    assert to_pillow(picture()).size == (16, 8)


def test_reference_pictures_are_read():
    folder = Path(__file__).parents[1] / "golden" / "parity" / "images"
    text = read_infotext_from(folder / "sampler_euler_a-0.png")
    assert text.startswith("a photo of a cat")
    assert "Sampler: Euler a" in text
