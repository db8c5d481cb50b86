"""The program as people start it: `python webui.py ...` with the tiny checkpoint."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "tests/golden/parity/data/Stable-diffusion"
SMALL = ["--steps", "3", "--width", "64", "--height", "64"]

pytestmark = pytest.mark.slow


@pytest.fixture
def places(tmp_path):
    return ["--data-dir", str(tmp_path), "--ckpt-dir", str(CHECKPOINTS)]


def webui(*arguments):
    return subprocess.run(
        [sys.executable, "webui.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_txt2img_prints_the_path_of_a_picture_with_its_recipe(places):
    answer = webui("txt2img", "a cat", "--seed", "5", *SMALL, *places)
    assert answer.returncode == 0, answer.stderr
    with Image.open(answer.stdout.splitlines()[-1]) as picture:
        assert picture.size == (64, 64)
        assert picture.text["parameters"].startswith("a cat\nSteps: 3, ")
        assert "Seed: 5" in picture.text["parameters"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--sampler", "Hune"], "Heun"),
        (["--checkpoint", "tinny"], "tiny"),
        (["--steps", "0"], "at least 1"),
        (["--steps", "1000000000"], "at most"),
        (["--cfg-scale", "nan"], "ordinary number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(places, flags, words):
    answer = webui("txt2img", "a cat", *flags, *places)
    assert answer.returncode == 2
    assert words in answer.stderr


def test_outputs_that_cannot_be_written_fail_in_words(places, tmp_path):
    (tmp_path / "outputs").write_text("not a folder", encoding="utf-8")
    answer = webui("txt2img", "a cat", *SMALL, *places)
    assert answer.returncode == 1
    assert "outputs" in answer.stderr
    assert "Traceback" not in answer.stderr


def start(places):
    """Start the server; return the process and the address it printed."""
    server = subprocess.Popen(
        [sys.executable, "webui.py", *places],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return server, server.stdout.readline().split()[3]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_server_answers_at_once_draws_and_leaves_nothing_behind(places, ending):
    server, url = start(places)
    assert httpx.get(url, headers={"accept": "text/html"}).status_code in (200, 503)
    while httpx.get(url).status_code == 503:
        time.sleep(0.2)
    body = {"prompt": "a cat", "steps": 3, "width": 64, "height": 64}
    answer = httpx.post(f"{url}/sdapi/v1/txt2img", json=body, timeout=120)
    assert json.loads(answer.json()["info"])["prompt"] == "a cat"
    children = psutil.Process(server.pid).children(recursive=True)
    assert children, "drawing happens in a process of its own"
    server.send_signal(ending)
    assert server.wait(30) == 0
    with server.stdout as said:
        assert "Traceback" not in said.read()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
