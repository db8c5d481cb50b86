"""Every script with the small reference model, over REST, as clients call it."""

import base64
import io
import json

import pytest
from PIL import Image

SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 3, "sampler_name": "Euler a"}


def picture(size=(64, 64)):
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def drawn(server, tab, **body):
    answer = server.client.post(f"/sdapi/v1/{tab}", json=SMALL | body)
    assert answer.status_code == 200, answer.text
    images = [Image.open(io.BytesIO(base64.b64decode(one))) for one in answer.json()["images"]]
    return images, json.loads(answer.json()["info"])


@pytest.mark.parametrize(
    ("script", "args", "sizes"),
    [
        ("SD upscale", ["", 16, "Lanczos", 1.5], [(96, 96)]),
        ("Loopback", [2, 0.4, "Lazy"], [(128, 64), (64, 64), (64, 64)]),
        ("Outpainting mk2", ["", 64, 2, ["right"], 1.0, 0.05], [(128, 64)]),
        ("Poor man's outpainting", [32, 2, 0, ["down"]], [(64, 128)]),
    ],
)
def test_scripts_that_start_from_a_picture(real_server, script, args, sizes):
    body = {"init_images": [picture()], "script_name": script, "script_args": args}
    images, _ = drawn(real_server, "img2img", denoising_strength=0.8, **body)
    assert [image.size for image in images] == sizes
    assert all(max(high - low for low, high in image.getextrema()) > 8 for image in images)


def test_a_plot_by_numbers_as_clients_count_them(real_server):
    args = [4, "1,2", [], 6, "5", [], 0, "", [], False, True]
    images, info = drawn(
        real_server, "txt2img", prompt="a cat", script_name="x/y/z plot", script_args=args
    )
    assert [image.size for image in images] == [(128, 64), (64, 64), (64, 64)]
    assert 'Script: X/Y/Z plot, X Type: Steps, X Values: "1,2"' in info["infotexts"][0]
    alone, _ = drawn(real_server, "txt2img", prompt="a cat", steps=1, cfg_scale=5)
    assert alone[0].tobytes() == images[1].tobytes()
    assert images[0].crop((0, 0, 64, 64)).tobytes() == images[1].tobytes()


def test_prompts_of_lines_and_of_a_matrix(real_server):
    lines = "a red cat\n--prompt dog --steps 1"
    images, info = drawn(
        real_server, "txt2img", script_name="prompts from file or textbox",
        script_args=[False, False, "start", lines],
    )  # fmt: skip
    assert len(images) == 2
    assert info["all_prompts"] == ["a red cat", "dog"]
    images, _ = drawn(
        real_server, "txt2img", prompt="a cat|red", script_name="Prompt matrix", script_args=[]
    )
    assert len(images) == 3
