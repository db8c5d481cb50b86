"""The server's first seconds and its last: port, splash, handing over, ending."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from modules.cli.serve import bind, listen
from modules.cli.server import Server
from modules.cli.splash import Splash
from modules.errors import WebUIError


@contextlib.contextmanager
def serving(splash):
    """Serve on a free port in a thread; yields a client."""
    config = uvicorn.Config(splash, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def real_application(lived):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        lived.append("began")
        yield
        lived.append("ended")

    application = FastAPI(lifespan=lifespan)
    application.get("/")(lambda: {"answer": "real"})
    return application


def test_a_person_sees_a_page_that_looks_again():
    with serving(Splash()) as client:
        answer = client.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert "starting" in answer.text
    assert 'http-equiv="refresh"' in answer.text  # without scripts


def test_a_page_that_waits_is_answered_as_soon_as_there_is_more():
    splash = Splash()
    with serving(splash) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, "/below/easel-is-ready")
        assert client.get("/").status_code == 503
        assert not waiting.done()
        splash.hand_over(real_application([]))
        assert waiting.result(5).status_code == 204
        assert client.get("/easel-is-ready").status_code == 404


def test_a_page_that_waits_for_long_is_told_to_ask_again():
    with serving(Splash()) as client:
        assert client.get("/easel-is-ready").status_code == 503


def test_a_program_is_told_to_come_back():
    with serving(Splash()) as client:
        answer = client.post("/sdapi/v1/txt2img", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"] == "starting"


def test_the_real_application_takes_over_and_lives_until_the_end():
    lived, splash = [], Splash()
    with serving(splash) as client:
        splash.hand_over(real_application(lived))
        assert client.get("/").json() == {"answer": "real"}
        assert lived == ["began"]
    assert lived == ["began", "ended"]


def test_an_application_that_cannot_begin_is_reported():
    @contextlib.asynccontextmanager
    async def lifespan(app):
        raise RuntimeError("no")
        yield

    splash = Splash()
    with serving(splash) as client:
        with pytest.raises(RuntimeError, match="no"):
            splash.hand_over(FastAPI(lifespan=lifespan))
        assert client.get("/").status_code == 503


def test_a_busy_port_is_refused_with_advice():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WebUIError, match=f"Port {port} is in use") as caught:
            bind("127.0.0.1", port)
    assert "--port" in caught.value.hint


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch):
    with listen("127.0.0.1", 0) as taken:
        monkeypatch.setattr("modules.cli.serve.DEFAULT_PORT", taken.getsockname()[1])
        with bind("127.0.0.1", None) as found:
            assert found.getsockname()[1] > taken.getsockname()[1]


def test_an_address_that_is_not_ours_is_refused():
    with pytest.raises(WebUIError, match="Cannot listen on"):
        bind("192.0.2.1", 7860)


def test_a_name_nobody_knows_is_refused(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(WebUIError, match="Cannot listen on nowhere"):
        bind("nowhere", 7860)


def test_ending_lets_those_go_who_wait_for_a_job():
    over = threading.Event()

    def follow():
        over.wait(30)
        return {"answer": "it was stopped"}

    application = FastAPI()
    application.get("/")(follow)
    server = Server(application, over.set)
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with ThreadPoolExecutor() as pool:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        waiting = pool.submit(httpx.get, url, timeout=30)
        while not server.server_state.tasks:
            time.sleep(0.01)
        server.should_exit = True
        assert waiting.result().json() == {"answer": "it was stopped"}
    thread.join(10)
    assert not thread.is_alive()
