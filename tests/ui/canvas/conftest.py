"""A page with nothing but the canvas, in a real browser, and somebody who uses it."""

import base64
import functools
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASSETS = Path(__file__).resolve().parents[3] / "modules/ui/assets"
WIDTH, HEIGHT = 320, 200
PAGE = """<!doctype html><meta charset="utf-8"><title>Canvas</title><link rel="icon" href="data:,">
<style>html, body, #place { margin: 0; height: 100% }</style><div id="place"></div>
<script type="module">
	import { Canvas } from "/canvas/canvas.js";
	window.changes = 0;
	const key = new URLSearchParams(location.search).get("key") ?? "";
	window.canvas = new Canvas(document.getElementById("place"), {
		storageKey: key,
		onChange: () => window.changes++,
	});
	await window.canvas.ready;
	window.isReady = true;
	window.bytesOf = async (blob) => {
		const bytes = new Uint8Array(await blob.arrayBuffer());
		let text = "";
		for (let at = 0; at < bytes.length; at += 8192) {
			text += String.fromCharCode(...bytes.subarray(at, at + 8192));
		}
		return btoa(text);
	};
	window.fileOf = (text, type = "image/png", name = "picture.png") =>
		new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type });
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a page with nothing but the canvas."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path != "/" and not self.path.startswith("/?"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE.encode())))
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    serve = functools.partial(Handler, directory=str(ASSETS))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join(10)
    server.server_close()


class Desk:
    """A page with a canvas, spoken to as a person would."""

    def __init__(self, page, address: str):
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda line: self.wrong.append(line.text) if line.type == "error" else 0)

    def open(self, key: str = "") -> None:
        self.page.goto(f"{self.address}?key={key}")
        self.page.wait_for_function("() => window.isReady")

    def js(self, code: str, given: object = None) -> object:
        return self.page.evaluate(code, given)

    def show(self, picture: Image.Image | bytes) -> None:
        """Begin with a picture."""
        data = picture if isinstance(picture, bytes) else png(picture)
        self.js("text => canvas.setBase(fileOf(text))", base64.b64encode(data).decode())

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where in the window a point of the picture is."""
        place = self.js(
            """([x, y]) => {
                const at = canvas.view.toStage(x, y);
                const box = canvas.stage.getBoundingClientRect();
                return [at.x + box.left, at.y + box.top];
            }""",
            [x, y],
        )
        return place[0], place[1]

    def drag(self, *points: tuple[float, float], steps: int = 6) -> None:
        """Press at the first point of the picture, go through all, release at the last."""
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=steps)
        mouse.up()

    def settings(self, **values: object) -> None:
        self.js("values => canvas.store.set(values)", values)

    def bytes(self, call: str) -> bytes:
        return base64.b64decode(self.js(f"async () => bytesOf(await canvas.{call})"))

    def picture(self, call: str) -> Image.Image:
        image = Image.open(io.BytesIO(self.bytes(call)))
        image.load()
        return image

    def mask(self, call: str = "exportMask()") -> np.ndarray:
        image = self.picture(call)
        assert image.mode == "L"
        return np.asarray(image)

    def said(self) -> str:
        return self.page.locator(".ec-live").inner_text()


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def gradient(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns % 256, rows % 256, (columns + rows) % 256], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture
def desk(chromium, address: str) -> Iterator[Desk]:
    context = chromium.new_context(viewport={"width": 900, "height": 640}, has_touch=True)
    desk = Desk(context.new_page(), address)
    desk.open()
    desk.show(gradient())
    desk.page.mouse.move(*desk.at(10, 10))  # keys work where the pointer is
    yield desk
    context.close()
    assert desk.wrong == []
