"""Ending the program over HTTP."""

import pytest

from modules.api.sdapi import server as doors
from modules.engine.fake import FakeEngine
from modules.settings.launch import Launch
from tests.conftest import serve


@pytest.fixture
def stoppable(tmp_path, monkeypatch):
    ends = []
    monkeypatch.setattr(doors, "_end", lambda: ends.append("in order"))
    monkeypatch.setattr(doors.os, "_exit", lambda code: ends.append("at once"))
    launch = Launch(data_dir=str(tmp_path), api_server_stop=True)
    for served in serve(tmp_path, FakeEngine(), launch):
        yield served, ends


def test_without_the_flag_there_are_no_such_routes(server):
    for name in ("server-kill", "server-stop", "server-restart"):
        assert server.client.post(f"/sdapi/v1/{name}").status_code == 404


def test_with_the_flag_the_program_ends(stoppable, monkeypatch):
    served, ends = stoppable
    monkeypatch.delenv(doors.RESTARTER, raising=False)
    assert served.client.post("/sdapi/v1/server-restart").status_code == 501
    assert ends == []
    assert served.client.post("/sdapi/v1/server-stop").text == "Stopping."
    monkeypatch.setenv(doors.RESTARTER, "x")
    assert served.client.post("/sdapi/v1/server-restart").status_code == 200
    assert (served.app.paths.cache / "restart").exists()
    served.client.post("/sdapi/v1/server-kill")
    assert ends == ["in order", "in order", "at once"]
