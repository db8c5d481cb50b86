"""Prompts, passwords and places on the disk stay out of errors and of the log."""

import base64
import io
import json
import logging

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.engine.fake import FakeEngine
from modules.settings.launch import Launch
from tests.conftest import serve

PROMPT = "canary-prompt-7431"
PASSWORD = "canary-password-5520"
FOLDER = "canary-folder-9917"

WRONG = [
    ("POST", "/sdapi/v1/txt2img", {"prompt": PROMPT, "steps": -3}),
    ("POST", "/sdapi/v1/txt2img", {"prompt": PROMPT, "sampler_name": "no such"}),
    ("POST", "/sdapi/v1/txt2img", {"prompt": PROMPT, "width": 7}),
    ("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": []}),
    ("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": ["bm8="]}),
    ("POST", "/sdapi/v1/txt2img", {"prompt": PROMPT, "script_name": "no such"}),
    ("POST", "/api/v1/jobs", {"request": {"prompt": PROMPT, "sampling": {"steps": "x"}}}),
    ("POST", "/api/v1/jobs", {"request": {"prompt": PROMPT, "nothing": 1}}),
    ("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "no such"}),
    ("POST", "/sdapi/v1/options", {"jpeg_quality": "high"}),
    ("POST", "/sdapi/v1/extra-single-image", {"image": "bm8="}),
    ("POST", "/sdapi/v1/png-info", {"image": "%%%"}),
    ("GET", "/api/v1/images/no-such", None),
    ("GET", "/api/v1/jobs/no-such", None),
    ("GET", "/no/such/route", None),
    ("GET", "/api/v1/models/no-such/preview", None),
    ("PUT", "/sdapi/v1/txt2img", {"prompt": PROMPT}),
]


@pytest.fixture
def served(tmp_path):
    data = tmp_path / FOLDER
    data.mkdir()
    launch = Launch(data_dir=str(data), api_auth=f"anna:{PASSWORD}")
    for served in serve(data, FakeEngine(step_s=0), launch):
        served.client.auth = ("anna", PASSWORD)
        yield served


def picture():
    """A picture whose recipe is the prompt, and damaged at its end."""
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text("parameters", f"{PROMPT}\nSteps: 2, Sampler: Nobody, CFG scale: 7, Seed: 1")
    Image.effect_noise((64, 64), 50).save(buffer, "PNG", pnginfo=info)
    return base64.b64encode(buffer.getvalue()[:-2000]).decode("ascii")


def test_errors_and_the_log_hold_no_prompt_no_password_and_no_place(served, caplog):
    caplog.set_level(logging.INFO)
    drawn = served.client.post(
        "/sdapi/v1/txt2img", json={"prompt": PROMPT, "steps": 2, "save_images": True}
    )
    assert drawn.status_code == 200
    told = []
    for method, route, body in [
        *WRONG,
        ("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": [picture()]}),
    ]:
        answer = served.client.request(method, route, json=body)
        assert answer.status_code >= 400, (route, body)
        told.append(answer.text)
    wrong = served.client.get("/sdapi/v1/options", auth=("anna", f"{PASSWORD}x"))
    assert wrong.status_code == 401
    told.append(wrong.text)
    for canary in (PROMPT, PASSWORD, FOLDER):
        assert not [text for text in told if canary in text]
        assert canary not in caplog.text
    assert PASSWORD not in json.dumps(served.client.get("/sdapi/v1/cmd-flags").json())


def test_what_breaks_inside_is_told_without_its_inside(served, caplog, monkeypatch):
    def broken(*_):
        raise RuntimeError(f"{PROMPT} in /{FOLDER}")

    monkeypatch.setattr(served.app, "read_picture", broken)
    answer = served.client.post("/sdapi/v1/png-info", json={"image": picture()})
    assert answer.status_code == 500
    assert "the log has the details" in answer.json()["detail"]
    assert PROMPT not in answer.text and FOLDER not in answer.text
    assert "Traceback" not in answer.text
