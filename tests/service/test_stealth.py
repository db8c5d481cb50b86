"""Texts hidden in pixels are found; ordinary pictures hide none."""

import gzip
import io
import json

import numpy as np
import pytest
from PIL import Image

from modules.service.read_picture import read_hidden_texts, recipe_in

RECIPE = "a cat\nSteps: 20, Sampler: Euler, Seed: 1"
NOVELAI = {
    "Software": "NovelAI",
    "Description": "{cat}",
    "Comment": json.dumps({"steps": 9, "sampler": "k_euler", "seed": 4}),
}


def picture(text: str, signature: str, size: tuple[int, int] = (48, 40)) -> bytes:
    """A PNG that hides `text`, bit by bit, column by column."""
    body = gzip.compress(text.encode()) if signature.endswith("comp") else text.encode()
    message = signature.encode() + (len(body) * 8).to_bytes(4, "big") + body
    bits = [byte >> (7 - place) & 1 for byte in message for place in range(8)]
    image = Image.new("RGBA", size, (100, 120, 140, 254))
    channels = (0, 1, 2) if "rgb" in signature else (3,)
    places = [(x, y, c) for x in range(size[0]) for y in range(size[1]) for c in channels]
    pixels = np.asarray(image).copy()
    for bit, (x, y, channel) in zip(bits, places, strict=False):
        pixels[y, x, channel] = pixels[y, x, channel] & 254 | bit
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["pnginfo", "pngcomp", "rgbinfo", "rgbcomp"])
def test_a_hidden_recipe_is_read(kind: str) -> None:
    assert recipe_in(read_hidden_texts(picture(RECIPE, f"stealth_{kind}"))) == RECIPE


def test_novelai_hides_the_texts_it_also_writes_openly() -> None:
    hidden = read_hidden_texts(picture(json.dumps(NOVELAI), "stealth_pngcomp"))
    assert hidden == NOVELAI
    assert recipe_in(hidden).startswith("{cat}\nSteps: 9, Sampler: Euler, ")


def test_a_picture_that_promises_more_than_it_holds_hides_nothing() -> None:
    whole = picture(RECIPE * 9, "stealth_pnginfo", (80, 80))
    with Image.open(io.BytesIO(whole)) as image:
        buffer = io.BytesIO()
        image.crop((0, 0, 20, 80)).save(buffer, "PNG")
    assert read_hidden_texts(buffer.getvalue()) == {}


def test_ordinary_and_broken_pictures_hide_nothing() -> None:
    for mode in ("RGB", "RGBA", "L", "P"):
        buffer = io.BytesIO()
        Image.new(mode, (3, 2)).save(buffer, "PNG")
        assert read_hidden_texts(buffer.getvalue()) == {}
    assert read_hidden_texts(b"\x89PNG\r\n\x1a\nbroken") == {}
    broken = picture("x", "stealth_pngcomp")[:-40]
    assert read_hidden_texts(broken) == {}
