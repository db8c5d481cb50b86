"""The page as it is served: complete, light, and from nowhere else."""

import re
from contextlib import contextmanager

import pytest

from modules.engine.fake import FakeEngine
from modules.settings.launch import Launch
from modules.ui.mount import ASSETS, fingerprint, head
from tests.conftest import serve
from tests.ui.conftest import with_page

OURS = sorted(path for path in ASSETS.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def config(page_server):
    return page_server.client.get("/config").json()


def test_every_asset_is_served_under_the_mark_of_their_content(page_server):
    for path in OURS:
        answer = page_server.client.get(f"/easel/{fingerprint()}/{path.relative_to(ASSETS)}")
        assert answer.status_code == 200
        assert answer.content == path.read_bytes()


def test_scripts_come_as_javascript(page_server):
    answer = page_server.client.get(f"/easel/{fingerprint()}/main.js")
    assert "javascript" in answer.headers["content-type"]


def test_the_head_names_every_style_sheet_and_the_first_script():
    text = head("/place")
    for path in OURS:
        if path.suffix == ".css" and path.parent == ASSETS:
            assert f"/place/{path.name}" in text
    assert "/place/main.js" in text


def test_no_asset_points_to_another_server():
    for path in OURS:
        found = re.findall(r"https?://[^\s\"'<>)]+", path.read_text(encoding="utf-8"))
        assert [url for url in found if not url.startswith("http://www.w3.org/")] == []


def test_the_page_stays_small(config, page_server):
    assert len(config["components"]) <= 300
    assert len(page_server.client.get("/config").content) <= 600_000


def test_handlers_are_no_public_api(config):
    public = [call["api_name"] for call in config["dependencies"] if call.get("api_name")]
    visible = [call for call in config["dependencies"] if call["api_visibility"] == "public"]
    assert visible == [], public


def test_nothing_is_recorded_or_reported(config):
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")


def test_the_api_answers_beside_the_page(page_server):
    assert page_server.client.get("/api/v1/status").json()["engine"]["state"] == "ready"
    assert page_server.client.get("/").text.lstrip().startswith("<!doctype html>")


def test_below_a_path_the_page_asks_for_nothing_outside_it(tmp_path):
    launch = Launch(data_dir=str(tmp_path), subpath="tools/easel", theme="dark")
    (tmp_path / "user.css").write_text("body { margin: 1px }", "utf-8")
    with contextmanager(serve)(tmp_path, FakeEngine(), launch, make=with_page) as served:
        text = served.client.get("/").text
        root = served.client.get("/config").json()["root"]
        own = served.client.get("/easel/user.css")

    assert "easel-theme" in text
    assert own.text == "body { margin: 1px }"
    assert "/tools/easel/easel/user.css" in text
    assert root.endswith("/tools/easel")
    asked = re.findall(r"(?:href|src)=\"(/[^\"]*)\"", text)
    outside = {place for place in asked if not place.startswith("/tools/easel/")}
    assert outside <= {"/manifest.json"}, "which is Gradio's own, and optional"
    assert f"/tools/easel/easel/{fingerprint()}/main.js" in text
