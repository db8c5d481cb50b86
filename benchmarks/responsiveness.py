"""Ask for the status twenty times a second while a job is drawn and fifty programs follow it.

    python -m benchmarks responsiveness [--seconds 20] [--checkpoint FILE] [--browser]

Prints how long the answers took in milliseconds: of the status route, of the page's first byte, and
with `--browser` until the page can be used in a Chromium that was never there before. Beside each
stands the time of the simplest answer the server has (`/internal/ping`) under the same load, which
tells what the machine itself costs.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from modules.settings.launch import Launch
from tests.conftest import Served, serve
from tests.ui.conftest import with_page

RATE = 20
"""Requests a second."""
FOLLOWERS = 50
PATIENCE_S = 120.0


def milliseconds(times: list[float]) -> str:
    """Describe times: the middle, the 99th percentile, the worst."""
    ordered = sorted(1000 * one for one in times)
    last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    middle = statistics.median(ordered)
    return f"median {middle:.1f}, p99 {last:.1f}, worst {ordered[-1]:.1f} ({len(ordered)} answers)"


async def timed(client: httpx.AsyncClient, route: str, times: list[float]) -> None:
    """Ask once and note how long the first byte took."""
    began = time.perf_counter()
    async with client.stream("GET", route) as answer:
        times.append(time.perf_counter() - began)
        answer.raise_for_status()
        await answer.aread()


async def follow(client: httpx.AsyncClient, job: str, seen: list[int]) -> None:
    """Follow a job's events until it ends; notes how many there were."""
    count = 0
    async with client.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
        async for line in answer.aiter_lines():
            count += line.startswith("event:")
    seen.append(count)


async def measure(url: str, job: str, seconds: float) -> tuple[dict[str, list[float]], list[int]]:
    """Ask at the given rate while followers listen; the job is stopped in the end."""
    times: dict[str, list[float]] = {"/internal/ping": [], "/api/v1/status": [], "/": []}
    seen: list[int] = []
    limits = httpx.Limits(max_connections=FOLLOWERS + 3 * RATE)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=limits) as client:
        followers = [asyncio.create_task(follow(client, job, seen)) for _ in range(FOLLOWERS)]
        asked = []
        for number in range(int(seconds * RATE)):
            asked.append(
                asyncio.create_task(timed(client, "/api/v1/status", times["/api/v1/status"]))
            )
            if number % 4 == 0:
                asked.append(
                    asyncio.create_task(timed(client, "/internal/ping", times["/internal/ping"]))
                )
            if number % RATE == 0:
                asked.append(asyncio.create_task(timed(client, "/", times["/"])))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*asked)
        await client.post(f"/api/v1/jobs/{job}/stop")
        await asyncio.gather(*followers)
    return times, seen


def begin(served: Served) -> str:
    """Start a job that outlasts the measurement; returns its id once it is drawing."""
    work = {"prompt": "a red apple", "sampling": {"steps": 100}, "batch": {"n_iter": 90}}
    job = served.client.post("/api/v1/jobs", json={"request": work}).json()["id"]
    while served.client.get(f"/api/v1/jobs/{job}").json()["status"] != "running":
        time.sleep(0.05)
    return str(job)


def in_browser(url: str) -> float:
    """Return the seconds until the page can be used in a fresh browser."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(url)
        page.wait_for_function("window.easel && window.easel.state.online", timeout=120_000)
        taken = time.perf_counter() - began
        browser.close()
    return taken


def main() -> None:
    """Print the figures."""
    own = Path("models/Stable-diffusion/easel-mini.safetensors")
    parser = argparse.ArgumentParser(description="Ask for the status while a job is drawn.")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--checkpoint", type=Path, default=own)
    parser.add_argument("--browser", action="store_true", help="also open the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        launch = Launch(data_dir=folder, ckpt_dir=str(options.checkpoint.parent.resolve()))
        running = serve(Path(folder), launch=launch, make=with_page)
        served = next(running)
        try:
            if options.browser:
                print(f"page in a fresh browser, nothing drawn: {in_browser(served.url):.2f} s")
            times, seen = asyncio.run(measure(served.url, begin(served), options.seconds))
        finally:
            running.close()
    for route, found in times.items():
        print(f"{route}: {milliseconds(found)} ms")
    print(f"{len(seen)} followers saw {min(seen)} to {max(seen)} events")


if __name__ == "__main__":
    main()
