"""Copies to give away over HTTP."""

import httpx
import pytest

from modules.service.contents import readable
from modules.service.credentials import is_available
from tests.conftest import Served

REQUEST = {"prompt": "a fox", "sampling": {"steps": 1}, "size": {"width": 64, "height": 64}}


@pytest.fixture(scope="module")
def image_id(server: Served) -> str:
    job = server.client.post("/api/v1/jobs", json={"request": REQUEST}).json()
    return str(server.finished(job["id"])["images"][0]["id"])


def ask(server: Served, image_id: str, what: str = "", **wish: str) -> httpx.Response:
    return server.client.get(f"/api/v1/images/{image_id}/copy{what}", params=wish)


@pytest.mark.parametrize("level", ["full", "shareable", "private"])
def test_the_list_of_contents_is_that_of_the_copy(
    server: Served, image_id: str, level: str
) -> None:
    copy = ask(server, image_id, level=level, format="jpg")
    told = ask(server, image_id, "/contents", level=level, format="jpg").json()
    assert copy.headers["content-type"] == told["media_type"] == "image/jpeg"
    assert told["name"] in copy.headers["content-disposition"]
    assert "fox" not in told["name"]
    assert told["size"] == len(copy.content)
    assert [one["text"] for one in told["entries"]] == [one.text for one in readable(copy.content)]
    assert told["credentials_available"] == is_available()


def test_wrong_wishes_are_refused(server: Served, image_id: str) -> None:
    assert ask(server, image_id, level="open").status_code == 404
    assert ask(server, image_id, format="bmp").status_code == 404
    assert ask(server, "0000").status_code == 404
    assert ask(server, image_id, level="private", credentials="true").status_code == 422
