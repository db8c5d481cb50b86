"""Pictures by web address: nothing may lead into the network this computer stands in."""

import base64
import io
import json
import socket
import socketserver
import threading

import pytest
from PIL import Image

from modules.api import fetch
from modules.api.fetch import Rules, fetch_picture, is_web_address
from modules.api.public_addresses import is_public
from modules.engine.fake import FakeEngine
from modules.errors import InvalidRequest
from tests.conftest import serve

PUBLIC = "93.184.215.14"
ALLOWED = Rules(allowed=True)


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png()


class Web:
    """A server of its own, and the names and addresses that lead to it."""

    def __init__(self):
        self.pages = {"/red.png": b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE}
        self.names = {"public.example": [PUBLIC]}
        self.dialled = []
        self.asked = []
        self.heard = []
        web = self

        class Answer(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    head += line
                if not head:
                    return
                web.heard.append(head.decode())
                page = web.pages.get(head.split()[1].decode(), b"HTTP/1.1 404 No\r\n\r\n")
                for part in [page] if isinstance(page, bytes) else page():
                    try:
                        self.wfile.write(part)
                    except OSError:
                        return

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def resolve(self, host, port):
        """As the system does: a name of the table, or what it takes for a way to write a number."""
        self.asked.append(host)
        if host in self.names:
            found = self.names[host]
            return found.pop(0) if isinstance(found[0], list) else found
        return fetch.resolve(host, port) if numeric(host) else []

    def connect(self, address, port, timeout):
        """Lead every connection to the server, and note where it was meant to go."""
        self.dialled.append(address)
        return socket.create_connection(self.server.server_address, timeout)

    def fetch(self, url, rules=ALLOWED):
        return fetch_picture(url, rules, resolve=self.resolve, connect=self.connect)

    def redirect(self, path, where):
        self.pages[path] = f"HTTP/1.1 302 Found\r\nLocation: {where}\r\n\r\n".encode()


def numeric(host):
    """Whether no name service is needed."""
    try:
        socket.getaddrinfo(host, 80, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return host.rstrip(".") == "localhost"
    return True


@pytest.fixture
def web():
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()


HOSTILE = """
http://127.0.0.1/red.png
https://127.0.0.1/red.png
http://127.0.0.1:8188/red.png
http://127.1/red.png
http://127.0.1/red.png
http://2130706433/red.png
http://0x7f000001/red.png
http://0x7f.0.0.1/red.png
http://0177.0.0.1/red.png
http://017700000001/red.png
http://0/red.png
http://0.0.0.0/red.png
http://localhost/red.png
http://localhost./red.png
http://LOCALHOST/red.png
http://169.254.169.254/latest/meta-data/
http://2852039166/latest/meta-data/
http://10.0.0.1/red.png
http://172.16.0.1/red.png
http://192.168.1.1/red.png
http://100.64.0.1/red.png
http://192.0.2.1/red.png
http://198.18.0.1/red.png
http://224.0.0.1/red.png
http://240.0.0.1/red.png
http://255.255.255.255/red.png
http://[::1]/red.png
http://[::]/red.png
http://[::ffff:127.0.0.1]/red.png
http://[::ffff:7f00:1]/red.png
http://[::ffff:169.254.169.254]/red.png
http://[::127.0.0.1]/red.png
http://[64:ff9b::127.0.0.1]/red.png
http://[64:ff9b::a9fe:a9fe]/red.png
http://[64:ff9b:1::7f00:1]/red.png
http://[2002:7f00:1::]/red.png
http://[2002:a9fe:a9fe::1]/red.png
http://[2001:0:7f00:1::]/red.png
http://[2001:db8::1]/red.png
http://[2606:4700::5efe:10.0.0.1]/red.png
http://[fe80::1]/red.png
http://[fe80::1%25eth0]/red.png
http://[fc00::1]/red.png
http://[fec0::1]/red.png
http://[ff02::1]/red.png
http://[3fff::1]/red.png
http://public.example@127.0.0.1/red.png
http://public.example:80@127.0.0.1/red.png
http://127.0.0.1\\@public.example/red.png
http://public.example\\.local/red.png
http://127.0.0.1#@public.example/
http://127.0.0.1?@public.example/
http://public.example:0/red.png
http://public.example:99999/red.png
http://public.example:x/red.png
http://public.example/red.png HTTP/1.1
http://public.example\t/red.png
http:///etc/passwd
http:red.png
http://
https://
http://%31%32%37.0.0.1/red.png
http://１２７.0.0.1/red.png
http://localtest.example/red.png
http://mixed.example/red.png
http://unknown.example/red.png
file:///etc/passwd
gopher://127.0.0.1:6379/_PING
ftp://127.0.0.1/red.png
dict://127.0.0.1:11211/stats
""".strip().splitlines()


def test_seventy_hostile_addresses_lead_to_no_connection_at_all(web):
    web.names["localtest.example"] = ["127.0.0.1"]
    web.names["mixed.example"] = [PUBLIC, "10.0.0.1"]
    assert len(HOSTILE) >= 40
    for url in HOSTILE:
        url = url.replace("\\t", "\t")
        with pytest.raises(InvalidRequest):
            web.fetch(url)
        web.redirect("/away", url.replace("\t", " "))
    assert web.dialled == []
    assert web.heard == []


def test_no_redirect_leads_into_the_own_network(web):
    for number, url in enumerate(HOSTILE):
        if "public.example" in url or not url.isascii() or not url.partition("//")[2].strip("/"):
            continue  # leads to the same public host again
        web.redirect(f"/one{number}", url)
        web.redirect(f"/two{number}", f"http://public.example/one{number}")
        for start in ("one", "two"):
            with pytest.raises(InvalidRequest):
                web.fetch(f"http://public.example/{start}{number}")
    assert set(web.dialled) == {PUBLIC}


def test_a_name_that_changes_its_meaning_is_asked_once_and_gets_nowhere(web):
    web.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert web.fetch("http://rebinding.example/red.png") == PICTURE
    assert (web.asked, web.dialled) == (["rebinding.example"], [PUBLIC])
    web.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    web.redirect("/again", "http://rebinding.example/red.png")
    with pytest.raises(InvalidRequest, match="not on the public internet"):
        web.fetch("http://rebinding.example/again")
    assert web.dialled == [PUBLIC, PUBLIC]


def test_a_public_picture_comes_through_redirects_and_nothing_private_is_sent(web):
    web.redirect("/here", "/there?a=1")
    web.redirect("/there?a=1", "//public.example/red.png")
    rules = Rules(allowed=True, user_agent="Painter/1.0")
    assert web.fetch(" http://public.example/here", rules) == PICTURE
    assert len(web.heard) == 3
    assert "Host: public.example\r\n" in web.heard[0]
    assert "User-Agent: Painter/1.0" in web.heard[0]
    assert not any("ookie" in head or "uthorization" in head for head in web.heard)


def test_a_loop_of_redirects_ends(web):
    web.redirect("/loop", "/loop")
    with pytest.raises(InvalidRequest, match="on and on"):
        web.fetch("http://public.example/loop")
    assert len(web.dialled) == 6


def endless():
    yield b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE[:16]
    while True:
        yield bytes(2**20)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n<html>secret inside</html>", "no picture"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no picture"),
        (b"HTTP/1.1 403 No\r\n\r\nsecret", "status 403"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + PICTURE, "larger than 64 MB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + PICTURE, "broke"),
        (b"SSH-2.0-OpenSSH_9\r\n", "broke"),
        (endless, "larger than 64 MB"),
    ],
)
def test_only_whole_pictures_of_a_proper_size_are_taken(web, page, words):
    web.pages["/page"] = page
    with pytest.raises(InvalidRequest, match=words) as refused:
        web.fetch("http://public.example/page")
    assert "secret" not in str(refused.value)


def test_a_server_that_takes_its_time_is_left(web, monkeypatch):
    stop = threading.Event()

    def slow():
        yield b"HTTP/1.1 200 OK\r\n"
        for _ in range(100):
            stop.wait(0.05)
            yield b"X-More: header\r\n"

    web.pages["/slow"] = slow
    monkeypatch.setattr(fetch, "MOST_SECONDS", 0.4)
    with pytest.raises(InvalidRequest, match="did not come within"):
        web.fetch("http://public.example/slow")
    stop.set()


def test_a_server_that_never_begins_to_encrypt_is_left(web, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(
            web, "connect", lambda *_: socket.create_connection(silent.getsockname(), 5)
        )
        with pytest.raises(InvalidRequest, match="did not come within"):
            web.fetch("https://public.example/red.png")


def test_what_does_not_encrypt_where_it_must_is_refused(web, monkeypatch):
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE)
        ours.settimeout(5)
        monkeypatch.setattr(web, "connect", lambda *_: ours)
        with pytest.raises(InvalidRequest, match="broke"):
            web.fetch("https://public.example/red.png")


def test_nothing_is_fetched_unless_the_owner_allows_it(web):
    with pytest.raises(InvalidRequest, match="api_enable_requests"):
        web.fetch("http://public.example/red.png", Rules())
    assert (web.asked, web.dialled) == ([], [])


def test_the_own_network_can_be_allowed(web):
    rules = Rules(allowed=True, public_only=False)
    assert web.fetch("http://10.0.0.1/red.png", rules) == PICTURE


def test_the_real_connection_goes_to_literal_addresses_alone(web):
    host, port = web.server.server_address
    fetch.connect(host, port, 5).close()
    with pytest.raises(ValueError, match="localhost"):
        fetch.connect("localhost", port, 5)


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"],
)
def test_what_is_public_is_known_as_such(address):
    assert is_public(address)


def test_base64_is_not_taken_for_an_address():
    assert not is_web_address(base64.b64encode(PICTURE).decode())
    assert not is_web_address("data:image/png;base64,aGk=")
    assert is_web_address("HTTPS://a.example/b.png")


def test_every_door_for_pictures_takes_addresses_if_allowed_and_no_caller_can_allow_it(
    web, tmp_path
):
    host, port = web.server.server_address
    there = f"http://{host}:{port}/red.png"
    doors = {
        "/sdapi/v1/png-info": {"image": there},
        "/sdapi/v1/extra-single-image": {"image": there, "upscaler_1": "Nearest"},
        "/sdapi/v1/img2img": {"init_images": [there], "mask": there, "steps": 1},
        "/api/v1/images/read": {"image": there},
    }
    off, on = tmp_path / "off", tmp_path / "on"
    for folder, options in ((off, {}), (on, {"api_enable_requests": True})):
        folder.mkdir()
        locked = {**options, "api_forbid_local_requests": folder is not on}
        (folder / "config.json").write_text(json.dumps(locked), encoding="utf-8")
    for served in serve(off, FakeEngine(step_s=0)):
        for door, body in doors.items():
            answer = served.client.post(door, json=body)
            assert answer.status_code in (422, 500), door
        for name, value in {"api_enable_requests": True, "api_useragent": "x"}.items():
            answer = served.client.post("/sdapi/v1/options", json={name: value})
            assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
        whole = served.client.get("/sdapi/v1/options").json()
        assert served.client.post("/sdapi/v1/options", json=whole).status_code == 200
        overriding = {**doors["/sdapi/v1/img2img"], "override_settings": {"api_enable_requests": 1}}
        assert served.client.post("/sdapi/v1/img2img", json=overriding).status_code == 422
    assert web.heard == []
    for served in serve(on, FakeEngine(step_s=0)):
        for door, body in doors.items():
            answer = served.client.post(door, json=body)
            assert answer.status_code == 200, (door, answer.text)
    assert len(web.heard) == 5
