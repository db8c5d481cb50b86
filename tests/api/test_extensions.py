"""The routes of extensions: who may use them, and what they answer."""

from collections.abc import Iterator

import httpx
import pytest

from modules.engine.fake import FakeEngine
from modules.schema.request import GenerationRequest
from modules.settings.launch import Launch
from tests.conftest import Served, serve
from tests.extension.door import make_extension


@pytest.fixture
def exposed(tmp_path) -> Iterator[Served]:
    """A server that other computers could reach, with one user, an administrator."""
    make_extension(tmp_path, "sunny", "")
    launch = Launch(data_dir=str(tmp_path), listen=True, gradio_auth="ann:secret")
    yield from serve(tmp_path, FakeEngine(), launch)


def test_nothing_is_installed_while_others_can_reach_the_server(exposed):
    with httpx.Client(base_url=exposed.url, auth=("ann", "secret")) as ann:
        assert ann.get("/api/v1/extensions").status_code == 200
        for route, body in {
            "install": {"source": "https://example.org/x.git"},
            "switch": {"name": "sunny", "on": False},
            "remove": {"name": "sunny"},
            "update": {"name": "sunny"},
            "check": {"name": "sunny"},
            "reload": {},
        }.items():
            answer = ann.post(f"/api/v1/extensions/{route}", json=body)
            assert answer.status_code == 403, route
            assert "other computers" in answer.text
        options = ann.get("/sdapi/v1/options").json()
        assert ann.post("/sdapi/v1/options", json=options).status_code == 200
        options["disabled_extensions"] = ["sunny"]
        assert ann.post("/sdapi/v1/options", json=options).status_code == 403
    assert (exposed.app.paths.extensions / "sunny").is_dir()


def test_an_option_of_an_extension_is_kept_like_ours(tmp_path):
    code = """
        @hook
        def register_settings(register):
            register("sunny_hours", 3, "Hours of sun", help="A day.")

        @hook
        def register_routes(register):
            register("hello", lambda: {"hello": "sun"})
    """
    hooks = ("register_settings", "register_routes")
    make_extension(tmp_path, "sunny", code, hooks)
    for served in serve(tmp_path, FakeEngine()):
        client = served.client
        assert client.get("/sdapi/v1/options").json()["sunny_hours"] == 3
        client.post("/sdapi/v1/options", json={"sunny_hours": 8})
        client.post("/sdapi/v1/options", json={"sunny_hours": "many"})
        assert client.get("/sdapi/v1/options").json()["sunny_hours"] == 8
        assert '"sunny_hours": 8' in (tmp_path / "config.json").read_text()
        assert client.get("/extensions/sunny/hello").json() == {"hello": "sun"}


def test_a_request_is_prepared_before_it_is_in_line(tmp_path):
    code = """
        from modules.param import replace_at

        @hook
        def prepare_request(request):
            return replace_at(request, "prompt", request.prompt + " in autumn")
    """
    make_extension(tmp_path, "autumn", code, ("prepare_request",))
    for served in serve(tmp_path, FakeEngine()):
        job = served.app.submit(GenerationRequest(prompt="a tree"))
        assert served.finished(job.id)["prompt"] == "a tree in autumn"
