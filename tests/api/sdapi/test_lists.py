"""Menus, settings and picture information as clients of A1111 read them."""

import base64

import pytest

from modules.sampling.catalogue import AUTOMATIC
from modules.schema.request import Sampling
from modules.service.resolve import OLD_MANNER, resolve_names


def get(server, name):
    answer = server.client.get(f"/sdapi/v1/{name}")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("samplers", {"name", "aliases", "options"}),
        ("schedulers", {"name", "label", "aliases", "default_rho", "need_inner_model"}),
        ("upscalers", {"name", "model_name", "model_path", "model_url", "scale"}),
        ("latent-upscale-modes", {"name"}),
        ("sd-models", {"title", "model_name", "hash", "sha256", "filename", "config"}),
    ],
)
def test_lists_have_the_keys_clients_read(server, name, keys):
    rows = get(server, name)
    assert rows
    assert all(set(row) == keys for row in rows)


@pytest.mark.parametrize(
    "name",
    [
        "sd-vae",
        "hypernetworks",
        "face-restorers",
        "realesrgan-models",
        "prompt-styles",
        "loras",
        "sd-modules",
        "extensions",
    ],
)
def test_what_there_is_none_of_is_an_empty_list(server, name):
    assert get(server, name) == []


def test_the_rest_answers_in_shape(server):
    assert get(server, "embeddings") == {"loaded": {}, "skipped": {}}
    assert "soft inpainting" in get(server, "scripts")["img2img"]
    assert get(server, "memory")["ram"]["total"] > 0
    assert get(server, "cmd-flags")["api"] is True


def test_every_listed_sampler_can_be_drawn_with(server):
    for row in get(server, "samplers"):
        for schedule in (AUTOMATIC, OLD_MANNER):
            names = resolve_names(Sampling(sampler=row["name"], schedule=schedule))
            assert row["name"].startswith(names.sampler)


@pytest.mark.parametrize("what", ["checkpoints", "vae", "embeddings", "loras"])
def test_refreshing_answers_null(server, what):
    answer = server.client.post(f"/sdapi/v1/refresh-{what}")
    assert (answer.status_code, answer.json()) == (200, None)


def test_options_are_read_changed_and_read_back(server):
    before = get(server, "options")
    assert before["sd_model_checkpoint"] == "fake.safetensors [0123456789]"
    assert before["sd_checkpoint_hash"].startswith("0123456789")
    answer = server.client.post("/sdapi/v1/options", json={"jpeg_quality": 55, "send_seed": True})
    assert (answer.status_code, answer.json()) == (200, None)
    assert get(server, "options")["jpeg_quality"] == 55
    server.client.post("/sdapi/v1/options", json={"jpeg_quality": before["jpeg_quality"]})


def test_posting_all_options_back_changes_nothing(server):
    before = get(server, "options")
    assert server.client.post("/sdapi/v1/options", json=before).status_code == 200
    assert get(server, "options") == before


def test_an_unknown_checkpoint_is_refused_and_nothing_is_applied(server):
    before = get(server, "options")
    wanted = {"sd_model_checkpoint": "nope", "jpeg_quality": 1}
    answer = server.client.post("/sdapi/v1/options", json=wanted)
    assert answer.status_code == 500
    assert answer.json()["error"] == "RuntimeError"
    assert "model 'nope' not found" in answer.json()["errors"]
    assert get(server, "options") == before


def test_a_picture_s_recipe_is_read(server):
    body = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 4}
    [image] = server.client.post("/sdapi/v1/txt2img", json=body).json()["images"]
    for text in (image, f"data:image/png;base64,{image}"):
        answer = server.client.post("/sdapi/v1/png-info", json={"image": text}).json()
        assert answer["info"].startswith("a cat\nSteps: 2")
        assert answer["parameters"]["Seed"] == "4"
        assert answer["parameters"]["Clip skip"] == "1"


@pytest.mark.parametrize(
    ("image", "status", "words"),
    [
        ("", 404, "Image not found"),
        ("%%%", 500, "Invalid encoded image"),
        ("¬±", 500, "Invalid encoded image"),
        ("http://127.0.0.1/x.png", 500, "Requests not allowed"),
        (base64.b64encode(b"\x00 no picture").decode(), 422, "neither a picture"),
    ],
)
def test_what_is_no_picture_is_refused(server, image, status, words):
    answer = server.client.post("/sdapi/v1/png-info", json={"image": image})
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [({}, "Image not found"), ({"image": "aGk=", "model": "clop"}, "Model not found")],
)
def test_what_cannot_be_described_is_refused_as_clients_expect(server, body, detail):
    answer = server.client.post("/sdapi/v1/interrogate", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (404, detail)
