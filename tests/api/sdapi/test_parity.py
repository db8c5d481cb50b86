"""The reference pictures through the REST API: pixels, recipes and `info`."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.schema.infotext_parse import parse_infotext

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "parity"
CASES = ("sampler_euler_a", "sampler_plms", "batch2_iter2", "size_128x96", "ti_embedding_pt")
OURS = {"Version", "Model", "Model hash"}
"""Recipe keys that say who drew, and not what."""


def recipe(text):
    return {key: value for key, value in parse_infotext(text).items() if key not in OURS}


def load(name):
    return json.loads((GOLDEN / name).read_text())


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_a_reference_case_is_drawn_within_two_levels(real_server, name):
    [case] = [case for case in load("cases.json") if case["id"] == name]
    expected = load("results.json")[name]
    allowed = load("tolerances.json").get(name, {"max": 2, "mean": 0.02})
    answer = real_server.client.post(f"/sdapi/v1/{case['endpoint']}", json=case["payload"])
    assert answer.status_code == 200, answer.text
    images = answer.json()["images"]
    assert len(images) == len(expected["images"])
    for image, reference in zip(images, expected["images"], strict=True):
        drawn = Image.open(io.BytesIO(base64.b64decode(image)))
        wanted = Image.open(GOLDEN / reference["file"])
        gap = np.abs(np.asarray(drawn, dtype=int) - np.asarray(wanted, dtype=int))
        assert gap.max() <= allowed["max"]
        assert gap.mean() <= allowed["mean"]
        found, known = recipe(drawn.text["parameters"]), recipe(reference["infotext"])
        assert found == known
        assert list(found) == list(known)
    info = json.loads(answer.json()["info"])
    same = set(expected["info"]) - {"version", "infotexts"}
    assert {key: info[key] for key in same} == {key: expected["info"][key] for key in same}
