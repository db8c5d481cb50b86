"""Pictures of every kind people have, and broken ones."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.service.read_pixels import read_pixels


def file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "wanted"),
    [
        ("RGB", "PNG", "RGB"),
        ("RGBA", "PNG", "RGBA"),
        ("L", "PNG", "RGB"),
        ("LA", "PNG", "RGBA"),
        ("1", "PNG", "RGB"),
        ("P", "PNG", "RGB"),
        ("CMYK", "JPEG", "RGB"),
        ("RGB", "WEBP", "RGB"),
    ],
)
def test_every_kind_becomes_colours_with_eight_bits(mode: str, kind: str, wanted: str) -> None:
    data = read_pixels(file(Image.new(mode, (3, 2)), kind))
    assert (data.width, data.height, data.mode) == (3, 2, wanted)


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    assert read_pixels(file(Image.new("P", (2, 2)), transparency=0)).data[3] == 0


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    greys = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    assert list(read_pixels(file(Image.fromarray(greys))).data[::3]) == [0, 100, 255]


def test_of_an_animation_the_first_picture_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = read_pixels(file(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert tuple(data.data[:3]) == (255, 0, 0)


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = read_pixels(file(Image.new("RGB", (30, 20)), "JPEG", exif=exif))
    assert (data.width, data.height) == (20, 30)


def test_a_single_pixel_is_a_picture() -> None:
    assert read_pixels(file(Image.new("RGB", (1, 1), (1, 2, 3)))).data == b"\x01\x02\x03"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no picture at all", "not a picture"),
        (file(Image.effect_noise((64, 64), 50))[:600], "damaged"),
        (file(Image.new("1", (20_000, 10_000))), "100 million pixels"),
        (file(Image.new("1", (70_000, 2))), "pixels"),
        (file(Image.new("F", (2, 2)), "TIFF"), "floating point"),
    ],
    ids=["empty", "text", "truncated", "bomb", "ribbon", "float"],
)
def test_what_cannot_be_used_is_explained(content: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_pixels(content)
