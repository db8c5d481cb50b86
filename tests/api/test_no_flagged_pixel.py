"""Where flagged pictures are blocked, no route and no file holds a pixel of one."""

import base64
import binascii
import io
import json
import re

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from modules.engine.fake import FakeEngine
from modules.settings.launch import Launch
from tests.conftest import Served, serve

SEEDS = range(100, 104)
NEAR = 12
"""How far off a value may be and still be taken for the original's, after JPEG."""
BASE64 = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")
ENDLESS = ("/api/v1/events",)


def colour(seed: int) -> np.ndarray:
    """What the engine paints a seed with; a picture is one such colour."""
    return np.array([seed * 37 % 256, seed * 101 % 256, seed * 197 % 256])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    data = tmp_path_factory.mktemp("guarded")
    launch = Launch(data_dir=str(data), safety="block")
    yield from serve(data, FakeEngine(step_s=0.01, flags_all=True), launch)


def shows(content: bytes) -> list[int]:
    """The seeds whose colour is in what was sent or stored: raw, as a file, or in base64."""
    found = [seed for seed in SEEDS if bytes(colour(seed).astype(np.uint8)) * 16 in content]
    starts = [0, *(match.start() for match in re.finditer(rb"\x89PNG|\xff\xd8\xff|RIFF", content))]
    for start in starts:
        found += _in_picture(content[start:])
    for match in BASE64.finditer(content):
        try:
            found += _in_picture(base64.b64decode(match.group()))
        except binascii.Error:
            continue
    return found


def _in_picture(content: bytes) -> list[int]:
    try:
        with Image.open(io.BytesIO(content)) as opened:
            pixels = np.asarray(opened.convert("RGB")).astype(int)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return []
    return [
        seed for seed in SEEDS if (np.abs(pixels - colour(seed)).max(axis=2) <= NEAR).mean() > 0.02
    ]


def png(seed: int) -> str:
    file = io.BytesIO()
    plain = np.full((32, 32, 3), colour(seed), np.uint8)
    Image.fromarray(plain).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def draw(guarded: Served) -> list[bytes]:
    """Have pictures drawn in every way there is; returns what was answered meanwhile."""
    size = {"width": 64, "height": 64}
    body = {"prompt": "x", "steps": 4, "batch_size": 2, "seed": 100, **size}
    sent = guarded.client.post
    answers = [
        sent("/sdapi/v1/txt2img", json={**body, "save_images": True}),
        sent("/sdapi/v1/txt2img", json=body),
        sent("/sdapi/v1/img2img", json={**body, "seed": 102, "init_images": [png(7)]}),
        sent(
            "/sdapi/v1/txt2img",
            json={**body, "override_settings": {"safety_checker": "off"}, "save_images": True},
        ),
        sent("/sdapi/v1/txt2img", json={**body, "script_name": "prompt matrix", "script_args": []}),
        sent("/sdapi/v1/extra-single-image", json={"image": png(101), "upscaler_1": "Lanczos"}),
        sent("/sdapi/v1/options", json={"safety_checker": "tag"}),
    ]
    job = {"prompt": "y", "seeds": {"seed": 100}, "size": size, "sampling": {"steps": 12}}
    begun = sent("/api/v1/jobs", json={"request": {**job, "batch": {"n_iter": 2}}})
    answers.append(begun)
    job_id = begun.json()["id"]
    while guarded.client.get(f"/api/v1/jobs/{job_id}").json()["status"] in ("waiting", "running"):
        answers.append(guarded.client.get(f"/api/v1/jobs/{job_id}/preview.jpg"))
        answers.append(guarded.client.get("/sdapi/v1/progress"))
    return [answer.content for answer in answers]


def crawl(guarded: Served) -> dict[str, bytes]:
    """What every route that only reads answers, with every id there is."""
    get = guarded.client.get
    jobs = get("/api/v1/jobs", params={"limit": 100}).json()
    pictures = [image["id"] for one in jobs for image in one["images"]]
    pictures += [one["id"] for one in get("/api/v1/images").json()]
    ids = {"job_id": [one["id"] for one in jobs], "image_id": list(dict.fromkeys(pictures))}
    assert len(jobs) >= 6 and len(ids["image_id"]) >= 12
    found: dict[str, bytes] = {}
    for path, methods in get("/openapi.json").json()["paths"].items():
        if "get" not in methods or path in ENDLESS:
            continue
        names = re.findall(r"{(\w+)}", path)
        for one in ids.get(names[0], ["none"]) if names else [""]:
            route = re.sub(r"{\w+}", one, path)
            found[route] = get(route).content
    zipped = guarded.client.post("/api/v1/images/zip", json={"ids": ids["image_id"]})
    guarded.client.post("/api/v1/images/save", json={"ids": ids["image_id"]})
    return {**found, "zip": zipped.content}


def test_what_would_show_a_picture_is_found() -> None:
    stretched = np.full((8, 8, 3), colour(101), np.uint8)
    for kind in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(stretched).save(file, kind)
        assert shows(b"around" + file.getvalue() + b"it") == [101], kind
        assert shows(json.dumps({"a": base64.b64encode(file.getvalue()).decode()}).encode()) == [
            101
        ]
    assert shows(stretched.tobytes()) == [101]


def test_no_route_and_no_file_holds_a_pixel_of_a_blocked_picture(guarded: Served) -> None:
    for number, content in enumerate(draw(guarded)):
        assert not shows(content), number
    answers = crawl(guarded)
    assert len(answers) > 60
    for route, content in answers.items():
        assert not shows(content), route
    files = [path for path in guarded.app.paths.data.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert not shows(path.read_bytes()), path


def test_recipes_and_followers_are_told(guarded: Served) -> None:
    body = {"prompt": "x", "steps": 1, "width": 64, "height": 64, "seed": 100}
    answer = guarded.client.post("/sdapi/v1/txt2img", json=body).json()
    assert "Safety: blocked" in json.loads(answer["info"])["infotexts"][0]
    newest = guarded.client.get("/api/v1/jobs").json()[0]
    assert any("safety checker" in notice for notice in newest["notices"])
