"""From the command to the page, and to the first picture."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.suite.figure import Figure
from benchmarks.suite.server import ROOT
from benchmarks.suite.wish import Wish

PART = "start-up"
ROUNDS = 6
PATIENCE_S = 120.0
LOOK_EVERY_S = 0.01
USABLE = "window.easel && window.easel.state.online"
"""What the page says of itself once it can be used."""


def startup(wish: Wish) -> Iterator[Figure]:
    """`--help`, the page's first answer, the page in a browser, the first picture.

    Files are in the system's cache, and the program has been started with this data folder before.
    """
    rounds = wish.rounds(ROUNDS)
    helps = [seconds_of_help() for _ in range(rounds + 1)][1:]
    yield Figure.of(PART, "webui.py --help", helps, "s", "until the process has ended")
    wish.embedded()
    first_picture(wish)  # fills the caches of the data folder
    pages = [page_times(wish) for _ in range(rounds)]
    told = "process start until the first answer at /"
    yield Figure.of(PART, "something answers", [one[0] for one in pages], "s", told)
    told = "process start until the page itself is served"
    yield Figure.of(PART, "the page answers", [one[1] for one in pages], "s", told)
    yield browser_figure(wish, rounds)
    told = "process start until a finished picture of the embedded model, over HTTP, 20 steps"
    firsts = [first_picture(wish) for _ in range(rounds)]
    yield Figure.of(PART, "the first picture", firsts, "s", told)


def seconds_of_help() -> float:
    """How long the shortest of all commands takes."""
    began = time.perf_counter()
    command = [sys.executable, "webui.py", "--help"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


@contextmanager
def started(wish: Wish) -> Iterator[tuple[str, float]]:
    """A server at (its address); and the moment at which its process began."""
    port = free_port()
    folders = ["--data-dir", str(wish.folder / "data"), "--ckpt-dir", str(wish.models)]
    command = [sys.executable, "webui.py", "--port", str(port), "--device", wish.device, *folders]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, **quiet)
    try:
        yield f"http://127.0.0.1:{port}", began
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def seconds_until(
    begun: float,
    url: str,
    done: Callable[[httpx.Response], bool] = lambda answer: True,
    ask: Callable[[httpx.Client], httpx.Response] = lambda client: client.get("/"),
) -> float:
    """Ask again and again until the answer will do; seconds since `begun`. Raises TimeoutError."""
    last = "nothing"
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        while time.perf_counter() - begun < PATIENCE_S:
            try:
                answer = ask(client)
                if done(answer):
                    return time.perf_counter() - begun
                last = f"{answer.status_code} {answer.text[:200]}"
            except httpx.TransportError as error:  # nobody listens yet
                last = str(error)
            time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"The server was not ready after {PATIENCE_S:.0f} s: {last}")


def page_times(wish: Wish) -> tuple[float, float]:
    """Seconds until anything answers, and until the page does."""
    with started(wish) as (url, begun):
        anything = seconds_until(begun, url)
        return anything, seconds_until(begun, url, lambda answer: "gradio" in answer.text)


def first_picture(wish: Wish) -> float:
    """Seconds until a picture has come back."""
    request = {"prompt": "a red mushroom", "seed": 1, "steps": 20}

    def draw(client: httpx.Client) -> httpx.Response:
        return client.post("/sdapi/v1/txt2img", json=request)

    with started(wish) as (url, begun):
        return seconds_until(begun, url, lambda answer: answer.is_success, draw)


def browser_figure(wish: Wish, rounds: int) -> Figure:
    """Seconds until the page can be used in a Chromium that opened it at the first answer."""
    name = "the page can be used"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return Figure.missing(PART, name, "playwright is not installed")
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        return Figure.missing(PART, name, "Chromium is not installed")
    with sync_playwright() as driver:
        found = [usable_s(driver, Path(place), wish) for _ in range(rounds)]
    return Figure.of(PART, name, found, "s", "process start until Chromium shows it, connected")


def usable_s(driver: Any, place: Path, wish: Wish) -> float:
    """One round with a fresh browser, which is there before the server."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    browser = driver.chromium.launch(executable_path=place, args=flags)
    try:
        page = browser.new_page()
        with started(wish) as (url, begun):
            seconds_until(begun, url)
            page.goto(url)
            page.wait_for_function(USABLE, timeout=1000 * PATIENCE_S)
            return time.perf_counter() - begun
    finally:
        browser.close()
