"""Completions, wildcards and past prompts over REST."""

import json

import pytest

from modules.schema.request import GenerationRequest, Sampling, Seeds


@pytest.fixture
def client(server):
    server.app.paths.wildcards.mkdir(exist_ok=True)
    (server.app.paths.wildcards / "colour.txt").write_text("red\ngreen\n")
    return server.client


def test_completions_are_offered(client):
    offered = client.get("/api/v1/completions", params={"text": "mush", "limit": 1}).json()
    (one,) = offered
    assert (one["kind"], one["insert"], one["typed"]) == ("tag", "mushroom", "mush")
    found = client.get("/api/v1/completions", params={"text": "__col"}).json()
    assert [one["insert"] for one in found] == ["__colour__"]


def test_a_wildcard_is_kept_tried_and_deleted(client):
    body = {"name": "pets/cats", "text": "tabby __colour__"}
    kept = client.post("/api/v1/wildcards", json=body).json()
    assert kept["name"] == "pets/cats"
    assert [one["name"] for one in kept["all"]] == ["colour", "pets/cats"]
    read = client.get("/api/v1/wildcards/text", params={"name": "pets/cats"}).json()
    assert read["text"] == "tabby __colour__\n"
    tried = client.post("/api/v1/wildcards/try", json={"text": "a __pets/cats__", "seed": 1}).json()
    assert len(tried["texts"]) == 5
    assert set(tried["texts"]) <= {"a tabby red", "a tabby green"}
    left = client.post("/api/v1/wildcards/delete", json={"name": "pets/cats"}).json()["all"]
    assert [one["name"] for one in left] == ["colour"]


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a/../../../evil", "..", "x\\..\\y"])
def test_no_wildcard_leaves_its_folder(client, name):
    assert client.post("/api/v1/wildcards", json={"name": name, "text": "x"}).status_code == 422
    answer = client.get("/api/v1/wildcards/text", params={"name": name})
    assert answer.status_code in (404, 422)


def test_a_missing_wildcard_is_refused_with_the_nearest(client):
    answer = client.post("/api/v1/jobs", json={"request": {"prompt": "__color__"}})
    assert answer.status_code == 404
    assert "colour" in answer.text


def test_clients_of_a1111_see_every_resolved_text(client):
    body = {"prompt": "a {x|y} __colour__", "seed": 5, "steps": 1, "n_iter": 3, "batch_size": 2}
    answer = client.post("/sdapi/v1/txt2img", json={**body, "width": 16, "height": 16}).json()
    assert len(answer["images"]) >= 6
    assert '"Template"' in answer["info"] or "Template" in answer["info"]
    assert "{x|y} __colour__" not in answer["info"].split("all_negative_prompts")[0]


def test_prompts_of_before_are_found_pinned_and_forgotten(client, server):
    request = GenerationRequest(
        prompt="a remembered {cat|cat}", seeds=Seeds(seed=1), sampling=Sampling(steps=1)
    )
    server.finished(server.app.submit(request).id)
    (one,) = client.get("/api/v1/prompts", params={"text": "remembered"}).json()
    assert one["prompt"] == "a remembered {cat|cat}"
    assert client.post(f"/api/v1/prompts/{one['id']}/pin", json={}).json() == {"pinned": True}
    assert client.get("/api/v1/prompts").json()[0]["pinned"]
    client.delete(f"/api/v1/prompts/{one['id']}")
    assert client.get("/api/v1/prompts", params={"text": "remembered"}).json() == []
    assert client.delete(f"/api/v1/prompts/{one['id']}").status_code == 404


def test_clients_of_dynamic_prompts_are_understood(client):
    def drawn(*args):
        scripts = {"Dynamic Prompts v2.17.1": {"args": list(args)}}
        size = {"width": 16, "height": 16, "steps": 1, "seed": 1}
        body = {"prompt": "a {x|y}", "alwayson_scripts": scripts, "send_images": False, **size}
        answer = client.post("/sdapi/v1/txt2img", json=body)
        return json.loads(answer.json()["info"])["all_prompts"]

    assert drawn(True, True, 2) == ["a x", "a y"] * 2
    assert drawn(False) == ["a {x|y}"]
    assert drawn(True)[0] in ("a x", "a y")
