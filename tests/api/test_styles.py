"""Styles are kept and deleted over REST."""

import pytest


@pytest.fixture
def client(server):
    yield server.client
    server.app.paths.styles.unlink(missing_ok=True)


def names(answer):
    assert answer.status_code == 200, answer.text
    return [style["name"] for style in answer.json()]


def test_a_style_is_kept_replaced_and_deleted(client, server):
    body = {"name": " oil ", "prompt": "oil painting of {prompt}", "negative_prompt": "photo"}
    assert names(client.post("/api/v1/styles", json=body)) == ["oil"]
    changed = {"name": "oil", "prompt": "in oil, é"}
    client.post("/api/v1/styles", json=changed)
    expected = {"name": "oil", "prompt": "in oil, é", "negative_prompt": ""}
    assert client.get("/api/v1/styles").json() == [expected]
    assert client.get("/sdapi/v1/prompt-styles").json() == [expected]
    assert names(client.post("/api/v1/styles/delete", json={"name": "oil"})) == []


def test_a_style_needs_a_name_and_an_unknown_one_cannot_be_deleted(client):
    assert client.post("/api/v1/styles", json={"name": "  "}).status_code == 422
    client.post("/api/v1/styles", json={"name": "oil"})
    answer = client.post("/api/v1/styles/delete", json={"name": "oli"})
    assert answer.status_code == 404
    assert "oil" in answer.text
