"""Five extensions for A1111's webui, unchanged, in the whole program; a sixth is broken."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.extension.layer import BROKEN, FIVE

pytestmark = pytest.mark.slow

SMALL = {
    "prompt": "a cat",
    "seed": 5,
    "steps": 2,
    "width": 64,
    "height": 64,
    "sampler_name": "Euler",
    "save_images": True,
}


def drawn(served, **more):
    """Draw over A1111's API; returns the pixels of the first picture and its recipe."""
    answer = served.client.post("/sdapi/v1/txt2img", json={**SMALL, **more})
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][0])))
    return np.asarray(picture.convert("RGB")).astype(int), picture.info["parameters"]


def lever(*values):
    return {"alwayson_scripts": {"Brightness lever": {"args": list(values)}}}


def rows(served):
    return {one["name"]: one for one in served.client.get("/api/v1/extensions").json()}


def test_the_broken_one_is_named_and_off_and_the_five_are_on(extended):
    listed = rows(extended)
    assert {listed[name]["state"] for name in FIVE} == {"on"}
    broken = listed[BROKEN]
    assert broken["state"] == "broken"
    assert "modules.sd_hijack" in broken["problem"] and BROKEN in broken["problem"]
    assert broken["missing"] == ["modules.sd_hijack"]


def test_an_always_on_script_changes_prompt_picture_and_recipe(extended):
    plain, _ = drawn(extended)
    same, recipe = drawn(extended, **lever(True, 1.0, ""))
    assert (plain == same).all()
    assert "Lever factor: 1.0" in recipe
    dark, recipe = drawn(extended, **lever(True, 0.5, "at night"))
    assert recipe.startswith("a cat, at night\n")
    assert dark.mean() < plain.mean() * 0.75


def test_each_picture_of_a_batch_goes_through_the_script(extended):
    body = {**SMALL, "batch_size": 2, "n_iter": 2, **lever(True, 0.5, "")}
    images = extended.client.post("/sdapi/v1/txt2img", json=body).json()["images"][-4:]
    pictures = [Image.open(io.BytesIO(base64.b64decode(one))) for one in images]
    recipes = [one.info["parameters"] for one in pictures]
    for seed, text in zip(range(5, 9), recipes, strict=True):
        assert f"Seed: {seed}," in text
    assert all("Lever factor: 0.5" in text for text in recipes)


def test_a_callback_writes_an_option_of_its_extension_into_recipes(extended):
    assert extended.client.get("/sdapi/v1/options").json()["polite_word"] == "please"
    changed = extended.client.post("/sdapi/v1/options", json={"polite_word": "kindly"})
    assert changed.status_code == 200
    try:
        _, recipe = drawn(extended)
        assert "Politeness: kindly" in recipe
    finally:
        extended.client.post("/sdapi/v1/options", json={"polite_word": "please"})
    folder = extended.app.paths.extensions / "polite-options"
    saved = (folder / "saved.log").read_text().splitlines()
    assert saved and all(line.endswith(".png") for line in saved)


def test_a_route_of_an_extension_answers_and_ours_still_do(extended):
    answer = extended.client.post("/greeting/say", json={"name": "Ann"}).json()
    assert answer["hello"] == "Ann" and answer["sampler_count"] > 10
    assert extended.client.get("/greeting/models").json()[0].startswith("tiny.safetensors")
    assert extended.client.get("/sdapi/v1/samplers").status_code == 200


def test_scripts_of_extensions_are_listed_for_clients(extended):
    listed = extended.client.get("/sdapi/v1/scripts").json()
    assert "brightness lever" in listed["txt2img"] and "brightness lever" in listed["img2img"]
    about = extended.client.get("/sdapi/v1/script-info").json()
    [row] = [one for one in about if one["name"] == "brightness lever" and not one["is_img2img"]]
    assert row["is_alwayson"]
    assert [one["value"] for one in row["args"]] == [False, 1.5, ""]


def test_only_files_for_the_page_of_working_extensions_are_served(extended):
    get = extended.client.get
    script = get("/easel/extension/page-notes/javascript/page_notes.js")
    assert script.status_code == 200 and "javascript" in script.headers["content-type"]
    assert get("/file=extensions/page-notes/style.css").status_code == 200
    for path in (
        "/easel/extension/greeting-route/greetings_lib.py",
        f"/easel/extension/{BROKEN}/scripts/broken_script.py",
        "/easel/extension/page-notes/../../config.json",
        "/easel/extension/page-notes/%2e%2e/%2e%2e/config.json",
        "/file=config.json",
        "/file=extensions/polite-options/scripts/polite_options.py",
    ):
        assert get(path).status_code == 404, path


def test_a_hook_of_the_sampler_counts_until_it_is_switched_off_without_a_restart(extended):
    with_hook, _ = drawn(extended)
    post = extended.client.post
    post("/api/v1/extensions/switch", json={"name": "gentle-sampler", "on": False})
    pid = extended.app.status().pid
    try:
        assert post("/api/v1/extensions/reload", json={}).status_code == 200
        without, _ = drawn(extended)
        assert extended.app.status().pid != pid
        assert rows(extended)["gentle-sampler"]["state"] == "off"
    finally:
        post("/api/v1/extensions/switch", json={"name": "gentle-sampler", "on": True})
        post("/api/v1/extensions/reload", json={})
    assert (with_hook != without).any()
