"""A server that shares its address with others answers below its own path."""

import httpx
import pytest
from fastapi import FastAPI, Request

from modules.cli.below import Below


@pytest.fixture
def client():
    application = FastAPI()

    @application.get("/{rest:path}")
    def seen(rest: str, request: Request) -> dict[str, str]:
        return {"path": request.url.path, "raw": request.scope["raw_path"].decode()}

    transport = httpx.ASGITransport(app=Below(application, "/tools/easel"))
    return httpx.AsyncClient(transport=transport, base_url="http://host")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/tools/easel/", "/"),
        ("/tools/easel/api/v1/jobs", "/api/v1/jobs"),
        ("/tools/easel/a%20b", "/a b"),
        ("/api/v1/jobs", "/api/v1/jobs"),
        ("/tools/easelish", "/tools/easelish"),
    ],
)
@pytest.mark.anyio
async def test_requests_with_and_without_the_path_find_the_same(client, asked, path):
    answer = (await client.get(asked)).json()
    assert answer["path"].replace("%20", " ") == path
    assert answer["raw"].replace("%20", " ") == path


@pytest.mark.anyio
async def test_the_path_itself_leads_to_what_is_below(client):
    answer = await client.get("/tools/easel")
    assert (answer.status_code, answer.headers["location"]) == (307, "/tools/easel/")
