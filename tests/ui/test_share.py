"""The tunnel: an address, or plain words."""

import pytest
from gradio import networking

from modules.errors import WebUIError
from modules.ui.share import open_tunnel


def test_without_a_network_it_says_so(monkeypatch):
    def fail(**_):
        raise RuntimeError("Could not get share link from Gradio API Server.")

    monkeypatch.setattr(networking, "setup_tunnel", fail)
    with pytest.raises(WebUIError, match="no public address") as caught:
        open_tunnel(7860)
    assert "internet" in caught.value.hint


def test_the_address_has_a_secret_of_its_own(monkeypatch):
    given = []

    def succeed(**how):
        given.append(how)
        return "https://abc.gradio.live/"

    monkeypatch.setattr(networking, "setup_tunnel", succeed)
    assert open_tunnel(7860) == "https://abc.gradio.live"
    open_tunnel(7860)
    assert given[0]["local_port"] == 7860
    assert given[0]["share_token"] != given[1]["share_token"]
