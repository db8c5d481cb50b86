"""Foreign pages and foreign names get nothing done; programs and our own page do."""

import socket

import pytest

from modules.api.doors.origins import Names


def post(server, **headers):
    return server.client.post("/sdapi/v1/interrupt", headers=headers)


def test_programs_without_browser_headers_are_served(server):
    assert post(server).status_code == 200


def from_page(server):
    """The headers that our own page sends."""
    host = server.url.removeprefix("http://")
    return {"Origin": server.url, "Sec-Fetch-Site": "same-origin", "Host": host}


def token(server):
    """The cookie that comes with the page."""
    answer = server.client.get("/openapi.json", headers={"Sec-Fetch-Site": "same-origin"})
    server.client.cookies.clear()
    return answer.headers["set-cookie"]


def test_our_own_page_is_served(server):
    cookie = token(server).partition(";")[0]
    assert post(server, **from_page(server), Cookie=cookie).status_code == 200


def test_a_page_of_an_earlier_start_is_told_to_reload(server):
    answer = post(server, **from_page(server))
    assert answer.status_code == 403
    assert "Reload" in answer.json()["detail"]
    name = token(server).partition("=")[0]
    assert post(server, **from_page(server), Cookie=f"{name}=forged").status_code == 403


def test_the_token_is_out_of_reach_of_scripts_and_other_sites(server):
    cookie = token(server)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    port = server.url.rpartition(":")[2]
    assert cookie.startswith(f"easel_page_{port}=")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost.evil.test"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.test"},
    ],
)
def test_foreign_pages_change_nothing(server, headers):
    answer = post(server, **headers)
    assert answer.status_code == 403
    assert answer.json()["detail"]


def test_foreign_pages_read_nothing_from_the_api(server):
    answer = server.client.get("/sdapi/v1/options", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_link_from_elsewhere_may_open_what_is_no_api(server):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert server.client.get("/openapi.json", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_nothing_is_embedded_elsewhere(server, headers):
    answer = server.client.get("/openapi.json", headers={"Sec-Fetch-Site": "cross-site"} | headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Real-IP": "192.168.1.7"},
        {"Forwarded": 'for="[2001:db8::1]:123";proto=https'},
        {"X-Forwarded-For": "127.0.0.1, 198.51.100.4"},
        {"CF-Connecting-IP": "203.0.113.9"},
    ],
)
def test_a_proxy_with_visitors_from_elsewhere_needs_users(server, headers):
    assert server.client.get("/sdapi/v1/options", headers=headers).status_code == 403


def test_a_proxy_on_this_computer_for_this_computer_is_fine(server):
    headers = {"X-Forwarded-For": "127.0.0.1"}
    assert server.client.get("/api/v1/status", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "[::1]", "localhost."])
def test_names_of_this_machine_are_answered(server, host):
    port = server.url.rpartition(":")[2]
    answer = server.client.get("/api/v1/status", headers={"Host": f"{host}:{port}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "192.168.1.5",
        "user@localhost",
        "localhost/x",
        "localhost:80:80",
        "",
        "2130706433",
        "127.1",
        "[::1",
    ],
)
def test_other_names_are_not_answered(server, host):
    request = f"GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert raw_status(server, request) in (421, 400)


def raw_status(server, request):
    """Send text that no client would send; return the status."""
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(1000).split()[1])


def test_bodies_that_are_too_long_are_not_read(server):
    head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000000000"
    assert raw_status(server, f"POST /api/v1/jobs HTTP/1.1\r\n{head}\r\n\r\n{{") == 413


def test_browsers_are_told_not_to_guess_or_embed(server):
    headers = server.client.get("/api/v1/status").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert float(headers["x-process-time"]) >= 0


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("192.168.1.5:7860", True),
        ("[fe80::1]:7860", True),
        ("box:7860", True),
        ("BOX", True),
        ("localhost:7860", True),
        ("evil.test:7860", False),
        ("box.evil.test", False),
    ],
)
def test_a_server_open_to_the_network_knows_addresses_and_its_own_name_only(host, answered):
    assert Names(("box",), any_address=True).hold(host) is answered


def test_the_api_shows_itself_without_anything_from_elsewhere(server):
    answer = server.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "openapi.json" in answer.text
    assert "http://" not in answer.text and "https://" not in answer.text
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
