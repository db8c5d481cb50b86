"""What several rooms' tests share: a served program with an engine of one's choice."""

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see modules/threads.py

from modules.api.app import make_api
from modules.engine.engine import Engine
from modules.engine.fake import FakeEngine
from modules.service.app import App, build_app
from modules.settings.launch import Launch

GOLDEN = Path(__file__).parent / "golden" / "parity"


@dataclass
class Served:
    """A program that answers over real HTTP."""

    app: App
    url: str
    client: httpx.Client

    def finished(self, job_id: str, timeout: float = 60) -> dict:
        """Wait for a job's ending and return its description."""
        for _ in self.app.follow(job_id, timeout=timeout):
            pass
        return self.client.get(f"/api/v1/jobs/{job_id}").json()


def serve(
    data: Path,
    engine: Engine | None = None,
    launch: Launch | None = None,
    make: Callable[[App], FastAPI] = make_api,
) -> Iterator[Served]:
    """Serve what `make` builds on a free port of this machine until the generator is closed."""
    launch = launch or Launch(data_dir=str(data))
    app = build_app(launch.paths(), launch, engine)
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio lets small answers wait
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(make(app), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=120) as client:
            yield Served(app, url, client)
    finally:
        app.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A program whose engine paints plain colours; shared by all tests that do not break it."""
    yield from serve(tmp_path_factory.mktemp("served"), FakeEngine(step_s=0.001))


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A program that draws with the small reference checkpoint, in a child process."""
    data = tmp_path_factory.mktemp("drawn")
    shutil.copytree(GOLDEN / "data" / "embeddings", data / "embeddings")
    launch = Launch(
        data_dir=str(data), ckpt_dir=str(GOLDEN / "data" / "Stable-diffusion"), device="cpu"
    )
    yield from serve(data, launch=launch)


@pytest.fixture(autouse=True)
def same_loudness() -> Iterator[None]:
    """Put the level of the log back that a command changed."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browsers last: their driver keeps an event loop in this thread, and others want none."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def start_browser() -> Iterator[Callable[..., Any]]:
    """Start the system's Chromium without a window, with more flags if need be."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_api.sync_playwright() as driver:

        def start(*flags: str) -> Any:
            return driver.chromium.launch(executable_path=place, args=[*BROWSER_FLAGS, *flags])

        yield start


@pytest.fixture(scope="session")
def chromium(start_browser: Callable[..., Any]) -> Iterator[Any]:
    """One browser for all; each test has a context of its own in it."""
    browser = start_browser()
    yield browser
    browser.close()
