"""Pages elsewhere that the owner lets use the API."""

import pytest

from modules.api.doors.origins import TrustedOrigins
from modules.engine.fake import FakeEngine
from modules.settings.launch import Launch
from tests.conftest import serve

FRIEND = "https://friend.example"


@pytest.fixture(scope="module")
def friendly(tmp_path_factory):
    data = tmp_path_factory.mktemp("friendly")
    launch = Launch(
        data_dir=str(data),
        cors_allow_origins=f"{FRIEND}, https://other.example",
        cors_allow_origins_regex=r"https://\w+\.lab\.example",
    )
    yield from serve(data, FakeEngine(), launch)


def ask(served, origin, method="GET", **headers):
    given = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **headers}
    return served.client.request(method, "/sdapi/v1/options", headers=given)


@pytest.mark.parametrize("origin", [FRIEND, "https://other.example", "https://a.lab.example"])
def test_named_pages_may_read(friendly, origin):
    answer = ask(friendly, origin)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_named_pages_may_change(friendly):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    answer = ask(friendly, FRIEND, "OPTIONS", **asked)
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "x-a"
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    assert friendly.client.post("/sdapi/v1/interrupt", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "null", "https://friend.example.evil.test", "https://lab.example"],
)
def test_others_may_not(friendly, origin):
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask(friendly, origin, method, **{"Access-Control-Request-Method": "POST"})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_null_is_never_trusted():
    assert not TrustedOrigins("null", ".*").hold("null")
    assert not TrustedOrigins("", "").hold(None)
