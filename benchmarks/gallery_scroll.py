"""How smoothly History scrolls through 100,000 pictures, in a headless Chromium.

    python -m benchmarks gallery_scroll [--rows 100000] [--frames 300] [--chromium PATH]

The pictures are rows with made-up recipes; their thumbnails are answered from memory. One scrolls
frame by frame, in small steps and in large ones, and jumps to anywhere. For each way the script
time within a frame is printed (the drawing of tiles with the layout it forces), and the most tiles
there were in the page. The aim is a 95th percentile below 16 ms: one frame at 60 Hz. All of it
depends on whatever else the computer does.
"""

import argparse
import io
import random
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from benchmarks.gallery import fill, percentile
from modules.engine.fake import FakeEngine
from modules.paths import Paths
from modules.service.database import Database
from tests.conftest import Served, serve
from tests.ui.conftest import with_page

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PATIENCE_MS = 180_000
STOPWATCH = """
	window.watch = { script: [], apart: [], tiles: [] };
	let spent = 0, before = 0;
	const kind = customElements.get("easel-history").prototype;
	const draw = kind.draw;
	kind.draw = function (...given) {
		const began = performance.now();
		draw.apply(this, given);
		spent += performance.now() - began;
	};
	const frame = (now) => {
		window.watch.script.push(spent);
		if (before) window.watch.apart.push(now - before);
		window.watch.tiles.push(document.querySelectorAll("easel-history .tile").length);
		spent = 0;
		before = now;
		requestAnimationFrame(frame);
	};
	requestAnimationFrame(frame);
"""
SCROLL = """async ([step, frames]) => {
	const scroller = [...document.querySelectorAll("*"), document.scrollingElement].findLast(
		(one) => one?.contains(document.querySelector("easel-history .easel-grid"))
			&& one.scrollHeight > one.clientHeight + 1000
			&& getComputedStyle(one).overflowY !== "visible",
	) ?? document.scrollingElement;
	for (const part of Object.values(window.watch)) part.length = 0;
	for (let number = 0; number < frames; number++) {
		if (step > 0) scroller.scrollTop += step;
		else scroller.scrollTop = Math.random() * scroller.scrollHeight;
		await new Promise((next) => requestAnimationFrame(next));
		if (step <= 0) await new Promise((next) => setTimeout(next, 100));
	}
	await new Promise((next) => setTimeout(next, 500));
	return { ...window.watch, at: scroller.scrollTop, height: scroller.scrollHeight };
}"""
WAYS = (
    ("small steps of the wheel", 40, 1.0),
    ("large ones", 1200, 1.0),
    ("jumps anywhere", 0, 0.2),
)


def thumbnail() -> bytes:
    """A small picture as the server would make it."""
    buffer = io.BytesIO()
    Image.effect_noise((256, 256), 60).convert("RGB").save(buffer, "WEBP")
    return buffer.getvalue()


def measure(page: Page, served: Served, frames: int) -> None:
    """Open History, scroll in every way, and print a line for each."""
    small = thumbnail()

    def answer(route: Route) -> None:
        route.fulfill(body=small, content_type="image/webp")

    page.set_default_timeout(PATIENCE_MS)
    page.route("**/thumb.webp", answer)
    page.goto(served.url)
    page.wait_for_function("window.easel && window.easel.state.online")
    page.evaluate(STOPWATCH)
    page.locator("#tab_history-button").first.click()
    page.locator("easel-history .tile").first.wait_for()
    print(f"{'milliseconds':28} {'frames':>7} {'script p50':>11} {'p95':>8} {'most':>8}", end="")
    print(f" {'apart p50':>10} {'tiles':>6}")
    for name, step, share in WAYS:
        found: dict[str, Any] = page.evaluate(SCROLL, [step, max(1, round(frames * share))])
        script, apart = found["script"], found["apart"]
        print(
            f"{name:28} {len(script):7} {statistics.median(script):11.2f} "
            f"{percentile(script, 0.95):8.2f} {max(script):8.2f} "
            f"{statistics.median(apart):10.1f} {max(found['tiles']):6}"
        )
        busy = [value for value in script if value > 0] or [0.0]
        print(f"{'  frames that drew':28} {len(busy):7} {statistics.median(busy):11.2f} ", end="")
        print(f"{percentile(busy, 0.95):8.2f}")
    print(f"height of the list: {found['height']:,} px")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure scrolling through History.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        database = Database(Paths(data=Path(name)).database)
        fill(database, options.rows, random.Random(1))
        database.close()
        running = serve(Path(name), FakeEngine(), make=with_page)
        served = next(running)
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path=options.chromium or None, args=list(FLAGS)
                )
                measure(browser.new_page(), served, options.frames)
                browser.close()
        finally:
            next(running, None)


if __name__ == "__main__":
    main()
