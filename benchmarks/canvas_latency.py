"""How long the canvas's scripts take while one paints on a 4096 × 4096 picture.

    python benchmarks/canvas_latency.py [--chromium PATH] [--side 4096]

Paints with real pointer events in a headless Chromium without a graphics card and prints, for each
kind of stroke, the script time of the pointer handler and of drawing a frame in milliseconds.
The aim is a 95th percentile below 16 ms for the two together: one frame at 60 Hz.
"""

import argparse
import functools
import http.server
import math
import shutil
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ASSETS = Path(__file__).resolve().parent.parent / "modules/ui/assets"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PAGE = """<!doctype html><title>Canvas</title>
<style>html, body, #place { margin: 0; height: 100% }</style><div id="place"></div>
<script type="module">
	import { Canvas } from "/canvas/canvas.js";
	window.canvas = new Canvas(document.getElementById("place"));
	window.paintNoise = async (side) => {
		const tile = new ImageData(512, 512);
		for (let at = 0; at < tile.data.length; at++) {
			tile.data[at] = at % 4 === 3 ? 255 : Math.random() * 255;
		}
		const picture = new OffscreenCanvas(side, side);
		const pen = picture.getContext("2d");
		for (let y = 0; y < side; y += 512) {
			for (let x = 0; x < side; x += 512) pen.putImageData(tile, x, y);
		}
		await window.canvas.setBase(await picture.convertToBlob({ type: "image/jpeg" }));
	};
</script>"""
STOPWATCH = """
	window.times = { pointer: [], frame: [] };
	const listen = EventTarget.prototype.addEventListener;
	EventTarget.prototype.addEventListener = function (name, act, how) {
		if (name !== "pointermove") return listen.call(this, name, act, how);
		return listen.call(this, name, function (event) {
			const began = performance.now();
			act.call(this, event);
			window.times.pointer.push(performance.now() - began);
		}, how);
	};
	const frame = window.requestAnimationFrame;
	window.requestAnimationFrame = (act) => frame((now) => {
		const began = performance.now();
		act(now);
		window.times.frame.push(performance.now() - began);
	});
"""
STROKES = (
    ("mask, 64 px, all in view", {"layer": "mask", "size": 64}, 0),
    ("mask, 400 px soft, all in view", {"layer": "mask", "size": 400, "hardness": 0.2}, 0),
    ("colour, 64 px, all in view", {"layer": "paint", "size": 64, "hardness": 0.9}, 0),
    ("colour, 400 px, half opaque", {"layer": "paint", "size": 400, "opacity": 0.5}, 0),
    ("colour, 64 px, 1:1", {"layer": "paint", "size": 64, "opacity": 1}, 1),
    ("mask, 1024 px, 1:1", {"layer": "mask", "size": 1024, "hardness": 0.9}, 1),
)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page above and the program's own modules."""

    def do_GET(self) -> None:
        """Answer "/" with the page and everything else with a file."""
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the figures."""


def main() -> None:
    """Measure every kind of stroke and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    parser.add_argument("--side", type=int, default=4096, help="of the picture, in pixels")
    chosen = parser.parse_args()
    serve = functools.partial(Handler, directory=str(ASSETS))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.add_init_script(STOPWATCH)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_function("() => Boolean(window.paintNoise)")
        page.evaluate("side => paintNoise(side)", chosen.side)
        print(f"{'stroke':34}{'events':>7}{'pointer p50':>13}{'p95':>7}{'max':>7}{'frame p95':>11}")
        for name, settings, scale in STROKES:
            measure(page, name, settings, scale)
        browser.close()
    server.shutdown()


def measure(page: Page, name: str, settings: dict[str, object], scale: float) -> None:
    """Paint one long stroke and print its row; a scale of 0 shows the whole picture."""
    page.evaluate("values => { canvas.store.set(values); canvas.view.fit() }", settings)
    if scale:
        page.evaluate("scale => canvas.view.zoomAt(scale / canvas.view.scale)", scale)
    box = page.locator(".ec-stage").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reach = min(box["width"], box["height"]) * 0.4
    page.mouse.move(middle[0] + reach, middle[1])
    page.mouse.down()
    page.evaluate("times.pointer.length = times.frame.length = 0")
    for step in range(1, 301):
        angle = step * math.pi / 45
        radius = reach * (1 - step / 400)
        page.mouse.move(middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle))
    pointer, frame = page.evaluate("[times.pointer, times.frame]")
    page.mouse.up()
    figures = (at(pointer, 0.5), at(pointer, 0.95), max(pointer), at(frame, 0.95))
    print(f"{name:34}{len(pointer):7}" + "".join(map("{:{}.2f}".format, figures, (13, 7, 7, 11))))


def at(times: list[float], share: float) -> float:
    """Return the time that this share of all does not exceed."""
    return sorted(times)[min(len(times) - 1, math.ceil(len(times) * share) - 1)]


if __name__ == "__main__":
    main()
