"""Looking into pictures over HTTP: recipes of other programs, exports, Verify, the watermark."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from modules.pipeline.watermark import marked
from tests.conftest import Served

REQUEST = {"prompt": "a fox", "sampling": {"steps": 1}, "size": {"width": 64, "height": 64}}
SWARM = {"sui_image_params": {"prompt": "a fox", "seed": 7, "steps": 9, "refinermethod": "x"}}


@pytest.fixture(scope="module")
def image_id(server: Served) -> str:
    job = server.client.post("/api/v1/jobs", json={"request": REQUEST}).json()
    return server.finished(job["id"])["images"][0]["id"]


def png(pixels: np.ndarray, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def post(server: Served, what: str, content: bytes = b"", **query: str) -> httpx.Response:
    return server.client.post(f"/api/v1/images/{what}", params=query, content=content)


def test_reading_says_who_wrote_it_and_what_has_no_place(server: Served) -> None:
    content = png(np.zeros((8, 8, 3), np.uint8), parameters=json.dumps(SWARM))
    answer = post(server, "read", content).json()
    assert answer["program"] == "SwarmUI"
    assert answer["unmapped"] == ["refinermethod: x"]
    assert answer["request"]["sampling"]["steps"] == 9


def test_a_recipe_is_exported_in_every_form(server: Served, image_id: str) -> None:
    assert post(server, "export", id=image_id).text.startswith("a fox\nSteps: 1")
    plain = post(server, "export", id=image_id, form="json")
    assert plain.headers["content-type"].startswith("application/json")
    assert plain.json()["prompt"] == "a fox"
    script = post(server, "export", id=image_id, form="diffusers").text
    compile(script, "script", "exec")
    text = server.client.post("/api/v1/images/export", json={"text": "a fox\nSteps: 3, Seed: 1"})
    assert text.text == "a fox\nSteps: 3, Seed: 1"


def test_unknown_forms_and_pictures_without_recipe_are_refused(
    server: Served, image_id: str
) -> None:
    assert post(server, "export", id=image_id, form="pdf").status_code == 422
    bare = png(np.zeros((64, 64, 3), np.uint8))
    assert post(server, "export", bare).status_code == 422
    assert post(server, "verify", bare).status_code == 422
    assert post(server, "verify", id="0000").status_code == 404
    assert server.client.post("/api/v1/images/verify", json={"text": "a fox"}).status_code == 422
    assert post(server, "watermark", b"no picture").status_code == 422


def test_a_saved_picture_is_verified(server: Served, image_id: str) -> None:
    answer = post(server, "verify", id=image_id).json()
    assert answer["outcome"] == "identical", answer
    drawn = server.client.get(f"/api/v1/images/{answer['image']}")
    assert drawn.status_code == 200
    listed = server.client.get("/api/v1/images").json()
    assert answer["image"] not in [one["id"] for one in listed]


def test_the_watermark_is_found_and_not_found(server: Served) -> None:
    coarse = np.random.default_rng(1).integers(40, 210, (32, 32, 3), np.uint8)
    plain = np.asarray(Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC))
    found = post(server, "watermark", png(marked(plain))).json()
    assert found["found"] and found["matched"] >= 102 and found["bits"] == 136
    encoded = base64.b64encode(png(plain)).decode()
    missing = server.client.post("/api/v1/images/watermark", json={"image": encoded}).json()
    assert not missing["found"]
    assert post(server, "watermark", png(plain[:40, :40])).status_code == 422


def test_what_is_inside_a_file_is_listed(server: Served, image_id: str) -> None:
    found = {
        one["where"]: one["text"] for one in post(server, "contents", id=image_id).json()["entries"]
    }
    assert found["PNG tEXt parameters"].startswith("a fox")
    assert any(text.startswith("Made by a trained model.") for text in found.values())
    assert post(server, "contents", png(np.zeros((8, 8, 3), np.uint8))).json() == {"entries": []}
    assert post(server, "contents", b"no picture").status_code == 422
