"""Finished pictures made larger, as clients of A1111 call it."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "parity"


def text_of(picture):
    out = io.BytesIO()
    picture.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def picture_in(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def single(server, **body):
    return server.client.post("/sdapi/v1/extra-single-image", json=body)


SMALL = text_of(Image.linear_gradient("L").convert("RGB").resize((20, 12)))


def test_a_reference_picture_is_equal_in_every_pixel(server):
    [case] = [
        one
        for one in json.loads((GOLDEN / "cases.json").read_text())
        if one["id"] == "extras_size_crop"
    ]
    payload = dict(case["payload"])
    path = GOLDEN / "data" / payload["image"].lstrip("@")
    payload["image"] = base64.b64encode(path.read_bytes()).decode()
    answer = single(server, **payload).json()
    expected = json.loads((GOLDEN / "results.json").read_text())["extras_size_crop"]
    wanted = Image.open(GOLDEN / expected["images"][0]["file"])
    drawn = picture_in(answer["image"])
    assert np.array_equal(np.asarray(drawn), np.asarray(wanted))
    assert answer["html_info"] == expected["html_info"]


@pytest.mark.parametrize(("upscaler", "size"), [("Lanczos", (40, 24)), ("Nearest", (40, 24))])
def test_a_factor_gives_sides_of_whole_eights(server, upscaler, size):
    answer = single(server, image=SMALL, upscaler_1=upscaler).json()
    assert picture_in(answer["image"]).size == size
    assert (
        answer["html_info"] == f"<p>Postprocess upscale by: 2, Postprocess upscaler: {upscaler}</p>"
    )


def test_without_an_upscaler_nothing_happens(server):
    answer = single(server, image=SMALL).json()
    assert picture_in(answer["image"]).size == (20, 12)


def test_without_cropping_the_size_is_covered(server):
    wish = {"resize_mode": 1, "upscaling_resize_w": 40, "upscaling_resize_h": 40}
    answer = single(server, image=SMALL, upscaler_1="Nearest", upscaling_crop=False, **wish).json()
    assert picture_in(answer["image"]).size == (64, 40)


def test_a_list_is_done_in_order_and_recipes_stay(server):
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text("parameters", "a cat")
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=told)
    known = base64.b64encode(out.getvalue()).decode()
    body = {"imageList": [{"data": SMALL, "name": "a"}, {"data": known, "name": "b"}]}
    body |= {"upscaler_1": "Nearest", "upscaling_resize": 3}
    answer = server.client.post("/sdapi/v1/extra-batch-images", json=body).json()
    first, second = map(picture_in, answer["images"])
    assert (first.size, second.size) == ((56, 32), (24, 24))
    assert second.text["parameters"] == "a cat"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"image": ""}, 404, "Image not found"),
        ({"image": "!"}, 422, "encoded"),
        ({"image": SMALL, "upscaler_1": "Lanzos"}, 404, "Lanczos"),
        ({"image": SMALL, "upscaler_1": "Nearest", "upscaling_resize": 9}, 422, "at most 8"),
        ({"image": SMALL, "gfpgan_visibility": 1}, 422, "faces"),
        (
            {
                "image": SMALL,
                "upscaler_1": "Nearest",
                "resize_mode": 1,
                "upscaling_resize_w": 16384,
                "upscaling_resize_h": 16384,
            },
            422,
            "million pixels",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(server, body, status, words):
    answer = single(server, **body)
    assert answer.status_code == status
    assert words in answer.text
