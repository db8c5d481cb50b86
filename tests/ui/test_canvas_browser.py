"""The canvas in a real browser: real pointer and key events in, picture files out."""

import base64
import functools
import http.server
import io
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
ASSETS = Path(__file__).resolve().parents[2] / "modules/ui/assets"
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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    serve = functools.partial(Handler, directory=str(ASSETS))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


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
def desk(browser, address: str) -> Iterator[Desk]:
    context = browser.new_context(viewport={"width": 900, "height": 640}, has_touch=True)
    desk = Desk(context.new_page(), address)
    desk.open()
    desk.show(gradient())
    desk.page.mouse.move(*desk.at(10, 10))  # keys work where the pointer is
    yield desk
    context.close()
    assert desk.wrong == []


def test_a_painted_stroke_is_white_in_the_mask_and_nothing_else_is(desk: Desk):
    desk.settings(size=20, hardness=1)
    desk.drag((60, 100), (240, 100))
    mask = desk.mask()
    assert mask.shape == (HEIGHT, WIDTH)
    assert (mask[92:108, 60:240] == 255).all()  # well inside the 20 pixels
    mask = mask.copy()
    mask[88:112, 48:252] = 0  # with the round ends and one pixel of edge
    assert (mask == 0).all()
    assert desk.js("canvas.hasMask()")


def test_a_stroke_that_crosses_itself_stays_as_soft_as_the_brush(desk: Desk):
    desk.settings(size=60, hardness=0)
    desk.drag((60, 100), (260, 100))
    once = desk.mask()[:, 160]
    desk.js("canvas.undo()")
    desk.drag((60, 100), (260, 100), (60, 100), (260, 100))
    assert np.abs(desk.mask()[:, 160].astype(int) - once).max() <= 1
    assert np.unique(once).size > 20  # and soft it is
    assert once[100] >= 250


def test_undo_and_redo_travel_through_exact_masks(desk: Desk):
    desk.settings(size=14)
    seen = [desk.mask()]
    for step in range(4):
        desk.drag((40 + 50 * step, 40), (60 + 50 * step, 150))
        seen.append(desk.mask())
    for earlier in reversed(seen[:-1]):
        desk.page.keyboard.press("Control+z")
        assert (desk.mask() == earlier).all()
    for later in seen[1:]:
        desk.page.keyboard.press("Control+Shift+z")
        assert (desk.mask() == later).all()


def test_fifty_steps_can_be_taken_back_and_no_more(desk: Desk):
    desk.settings(size=4)
    for step in range(55):
        desk.js(
            """step => {
                canvas.document.change("mask", "dot", (edit) => {
                    edit.touch("0,0").tile.data[step] = 255;
                    return null;
                });
            }""",
            step,
        )
    for _ in range(60):
        desk.js("canvas.undo()")
    assert (desk.mask()[0, :55] == 255).sum() == 5


def test_the_eraser_takes_the_mask_away(desk: Desk):
    desk.js("canvas.document.fillMask()")
    assert (desk.mask() == 255).all()
    desk.page.keyboard.press("e")
    desk.settings(size=30, hardness=1)
    desk.drag((100, 20), (100, 180))
    mask = desk.mask()
    assert (mask[20:180, 88:112] == 0).all()
    assert (mask[:, 120:] == 255).all()


def test_a_lasso_fills_its_inside_and_with_alt_takes_it_away(desk: Desk):
    desk.page.keyboard.press("l")
    desk.drag((40, 20), (300, 20), (300, 180), (40, 180))  # crosses tiles at x = 256
    mask = desk.mask()
    assert (mask[22:178, 42:298] == 255).all()
    assert (mask[:, :38] == 0).all() and (mask[:18] == 0).all()
    desk.page.keyboard.down("Alt")
    desk.drag((100, 60), (200, 60), (200, 140), (100, 140))
    desk.page.keyboard.up("Alt")
    assert (desk.mask()[62:138, 102:198] == 0).all()


def test_a_rectangle_has_sharp_edges_where_the_pointer_was(desk: Desk):
    desk.page.keyboard.press("r")
    desk.drag((250, 30), (290, 90))
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    wanted[30:90, 250:290] = 255
    assert (desk.mask() == wanted).all()


def test_invert_twice_is_where_it_began_and_clear_empties(desk: Desk):
    desk.settings(size=40, hardness=0.3)
    desk.drag((100, 100), (280, 120))
    before = desk.mask()
    desk.page.keyboard.press("Shift+i")
    assert (desk.mask() == 255 - before).all()
    desk.page.keyboard.press("Shift+i")
    assert (desk.mask() == before).all()
    desk.page.keyboard.press("Delete")
    assert not desk.mask().any()
    assert not desk.js("canvas.hasMask()")
    desk.page.keyboard.press("Control+z")
    assert (desk.mask() == before).all()


def test_an_untouched_png_leaves_byte_for_byte_and_paint_changes_only_what_it_covers(desk: Desk):
    original = png(gradient())
    desk.show(original)
    assert desk.bytes("exportInit()") == original
    desk.settings(layer="paint", size=20, hardness=1, color="#ff0000")
    desk.drag((60, 100), (240, 100))
    painted = np.asarray(desk.picture("exportInit()").convert("RGB"))
    assert (painted[94:106, 60:240] == (255, 0, 0)).all()
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[88:112, 48:252] = False
    assert (painted[outside] == np.asarray(gradient())[outside]).all()
    assert desk.picture("exportPaint()").getpixel((10, 10)) == (0, 0, 0, 0)
    assert (desk.mask('exportMask({from: "paint"})')[94:106, 60:240] == 255).all()
    assert not desk.mask().any()


def test_half_opaque_paint_mixes_once_with_what_is_below(desk: Desk):
    desk.show(Image.new("RGB", (WIDTH, HEIGHT), "white"))
    desk.settings(layer="paint", size=40, hardness=1, color="#000000", opacity=0.5)
    desk.drag((60, 100), (260, 100), (60, 100))
    assert abs(desk.picture("exportInit()").convert("RGB").getpixel((160, 100))[0] - 128) <= 1


def test_transparency_of_the_picture_is_kept(desk: Desk):
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (10, 200, 30, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 100, HEIGHT))
    desk.show(picture)
    desk.settings(layer="paint", size=20, color="#0000ff")
    desk.drag((200, 100), (260, 100))
    alpha = np.asarray(desk.picture("exportInit()").getchannel("A"))
    assert (alpha[:, :100] == 0).all() and (alpha[:, 100:] == 255).all()


def test_a_frame_dragged_past_the_edge_asks_for_more_picture(desk: Desk):
    assert desk.js("canvas.frame()") == {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}
    assert not desk.js("canvas.hasFrame()")
    desk.js("canvas.view.zoomAt(0.5)")
    desk.page.keyboard.press("v")
    desk.drag((WIDTH, HEIGHT / 2), (WIDTH + 101, HEIGHT / 2))  # the east handle
    frame = desk.js("canvas.frame()")
    assert frame["x"] == 0 and frame["height"] == HEIGHT
    assert frame["width"] % 8 == 0 and abs(frame["width"] - WIDTH - 101) <= 4
    assert desk.page.locator(".ec-frame-size").inner_text() == f"{frame['width']} × {HEIGHT}"
    init = desk.picture('exportInit({region: "frame"})')
    assert init.size == (frame["width"], HEIGHT)
    assert (np.asarray(init.getchannel("A"))[:, WIDTH:] == 0).all()
    assert (np.asarray(init.convert("RGB"))[:, :WIDTH] == np.asarray(gradient())).all()
    mask = desk.mask('exportMask({region: "frame"})')
    assert (mask[:, WIDTH:] == 255).all() and (mask[:, :WIDTH] == 0).all()
    desk.page.keyboard.press("Control+z")
    assert not desk.js("canvas.hasFrame()")


def test_the_frame_moves_as_a_whole_and_by_keys(desk: Desk):
    desk.js("canvas.view.zoomAt(0.5)")
    desk.page.keyboard.press("v")
    desk.drag((100, 100), (60, 148))
    frame = desk.js("canvas.frame()")
    assert (frame["x"], frame["y"]) == (-40, 48)
    desk.page.keyboard.press("ArrowLeft")
    desk.page.keyboard.press("Shift+ArrowDown")
    frame = desk.js("canvas.frame()")
    assert (frame["x"], frame["height"]) == (-48, HEIGHT + 8)
    desk.page.get_by_role("button", name="Match picture").click()
    assert not desk.js("canvas.hasFrame()")


def test_a_reload_finds_everything_again(desk: Desk):
    desk.open("draft")
    desk.show(gradient())
    desk.settings(size=24, hardness=0.5)
    desk.drag((60, 100), (300, 120))
    desk.settings(layer="paint", color="#123456")
    desk.drag((60, 40), (240, 40))
    desk.js("canvas.setFrame({x: 0, y: 0, width: 400, height: 200})")
    kept = [desk.mask(), np.asarray(desk.picture("exportInit()"))]
    desk.js("canvas.draft.now()")
    desk.open("draft")
    assert (desk.mask() == kept[0]).all()
    assert (np.asarray(desk.picture("exportInit()")) == kept[1]).all()
    assert desk.js("canvas.frame().width") == 400
    assert desk.js("canvas.store.values.color") == "#123456"
    assert desk.page.locator(".ec-empty").is_hidden()
    desk.drag((60, 160), (240, 160))
    desk.page.wait_for_timeout(700)  # the draft follows by itself
    later = np.asarray(desk.picture("exportInit()"))
    desk.open("draft")
    assert (np.asarray(desk.picture("exportInit()")) == later).all()
    desk.open("another")
    assert desk.js("canvas.size()") is None


def test_the_mask_of_a_whole_huge_picture_is_kept_without_its_weight(desk: Desk):
    desk.show(Image.new("RGB", (4096, 4096), "grey"))
    desk.js("canvas.document.fillMask()")
    assert desk.js("new Set(canvas.document.mask.tiles.values()).size") == 1
    mask = desk.mask()
    assert mask.shape == (4096, 4096) and (mask == 255).all()


def test_the_keyboard_alone_paints_a_line(desk: Desk):
    desk.settings(size=16, hardness=1)
    desk.js("canvas.stage.focus()")
    keyboard = desk.page.keyboard
    keyboard.press("ArrowRight")
    start = desk.js("canvas.keyboard.cursor")
    keyboard.press("Space")
    for _ in range(8):
        keyboard.press("ArrowRight")
    keyboard.press("Space")
    end = desk.js("canvas.keyboard.cursor")
    row = desk.mask()[int(start["y"])]
    assert end["x"] > start["x"] + 20
    assert (row[int(start["x"]) : int(end["x"])] == 255).all()
    keyboard.press("Escape")
    assert desk.page.locator(".ec-ring").is_hidden()


def test_escape_drops_the_stroke_under_way(desk: Desk):
    desk.page.mouse.move(*desk.at(60, 60))
    desk.page.mouse.down()
    desk.page.mouse.move(*desk.at(200, 100), steps=5)
    desk.page.keyboard.press("Escape")
    desk.page.mouse.move(*desk.at(250, 100))
    desk.page.mouse.up()
    assert not desk.js("canvas.hasMask()")
    assert desk.js("canvas.document.history.at") == 1  # only the picture itself


def test_a_pen_pressed_lightly_draws_thinner(desk: Desk):
    desk.settings(size=60, hardness=1)
    session = desk.page.context.new_cdp_session(desk.page)

    def width_at(force: float) -> int:
        for kind, x in (("mousePressed", 80), ("mouseMoved", 160), ("mouseReleased", 240)):
            left, top = desk.at(x, 100)
            session.send(
                "Input.dispatchMouseEvent",
                {
                    "type": kind,
                    "x": left,
                    "y": top,
                    "button": "left",
                    "buttons": 0 if kind == "mouseReleased" else 1,
                    "pointerType": "pen",
                    "force": force,
                    "clickCount": 1,
                },
            )
        width = int((desk.mask()[:, 120] > 127).sum())
        desk.js("canvas.undo()")
        return width

    assert 55 <= width_at(1.0) <= 62
    assert 15 <= width_at(0.3) <= 35


def touch(desk: Desk, session, kind: str, *points: tuple[float, float]) -> None:
    places = [desk.at(*point) for point in points]
    touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(places)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_one_finger_draws_and_two_zoom_without_leaving_a_mark(desk: Desk):
    session = desk.page.context.new_cdp_session(desk.page)
    touch(desk, session, "touchStart", (60, 100))
    touch(desk, session, "touchMove", (140, 100))
    touch(desk, session, "touchMove", (200, 100))
    touch(desk, session, "touchEnd")
    drawn = desk.mask()
    assert drawn[100, 150] == 255
    before = desk.js("canvas.view.scale")
    touch(desk, session, "touchStart", (140, 100))
    touch(desk, session, "touchStart", (140, 100), (180, 100))
    touch(desk, session, "touchMove", (100, 60), (220, 140))
    touch(desk, session, "touchEnd")
    assert desk.js("canvas.view.scale") > before * 1.5
    assert (desk.mask() == drawn).all()


def test_the_wheel_zooms_where_the_pointer_is_and_space_moves_the_view(desk: Desk):
    place = desk.at(80, 60)
    desk.page.mouse.move(*place)
    desk.page.mouse.wheel(0, -300)
    desk.page.wait_for_function("() => canvas.view.scale > 2.2")
    assert desk.at(80, 60) == pytest.approx(place, abs=0.5)
    desk.js("canvas.stage.focus()")
    desk.page.keyboard.down("Space")
    desk.drag((80, 60), (100, 70))
    desk.page.keyboard.up("Space")
    assert desk.at(80, 60)[0] > place[0] + 10
    assert not desk.js("canvas.hasMask()")
    desk.page.keyboard.press("0")
    assert desk.js("canvas.view.fitted")


def test_a_colour_is_picked_from_the_picture_with_alt(desk: Desk):
    desk.settings(layer="paint")
    desk.page.keyboard.down("Alt")
    desk.page.mouse.click(*desk.at(100.5, 50.5))
    desk.page.keyboard.up("Alt")
    assert desk.js("canvas.store.values.color") == f"#{100:02x}{50:02x}{150:02x}"
    assert not desk.js("canvas.hasPaint()")


DROP = """([text, type, name]) => {
    const data = new DataTransfer();
    data.items.add(fileOf(text, type, name));
    const how = { dataTransfer: data, clipboardData: data, bubbles: true, cancelable: true };
    canvas.stage.dispatchEvent(new DragEvent("dragover", how));
    canvas.stage.dispatchEvent(new DragEvent("drop", how));
}"""
PASTE = """text => {
    const data = new DataTransfer();
    data.items.add(fileOf(text));
    canvas.stage.focus();
    canvas.stage.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def test_pictures_come_in_by_drop_and_paste(desk: Desk):
    for code, width in ((DROP, 64), (PASTE, 72)):
        text = base64.b64encode(png(gradient(width, 48))).decode()
        desk.js(code, [text, "image/png", "a.png"] if code is DROP else text)
        desk.page.wait_for_function("width => canvas.size().width === width", arg=width)


def test_what_is_no_picture_is_refused_and_the_old_one_stays(desk: Desk):
    broken = base64.b64encode(b"nothing of the kind").decode()
    desk.js(DROP, [broken, "image/png", "broken.png"])
    desk.page.locator(".ec-live.wrong").wait_for()
    assert "broken.png" in desk.said()
    desk.js(DROP, [broken, "text/plain", "notes.txt"])
    assert desk.said() == "This is not a picture."
    assert desk.js("canvas.size()") == {"width": WIDTH, "height": HEIGHT}


def test_a_mask_file_of_any_size_is_stretched_over_the_picture(desk: Desk):
    half = Image.new("L", (32, 20))
    half.paste(255, (0, 0, 16, 20))
    desk.js("text => canvas.setMask(fileOf(text))", base64.b64encode(png(half)).decode())
    mask = desk.mask()
    assert (mask[:, :150] == 255).all() and (mask[:, 170:] == 0).all()
    desk.js("canvas.undo()")
    assert not desk.js("canvas.hasMask()")


def test_a_new_picture_begins_clean_and_can_be_undone(desk: Desk):
    desk.drag((60, 100), (240, 100))
    before = desk.mask()
    desk.show(gradient(64, 64))
    assert not desk.js("canvas.hasMask()")
    desk.js("canvas.undo()")
    assert (desk.mask() == before).all()


def test_a_picture_that_arrives_in_the_middle_of_a_stroke_ends_it(desk: Desk):
    desk.page.mouse.move(*desk.at(60, 60))
    desk.page.mouse.down()
    desk.page.mouse.move(*desk.at(200, 100), steps=3)
    desk.show(gradient(64, 64))
    desk.page.mouse.move(*desk.at(30, 30), steps=3)
    desk.page.mouse.up()
    assert not desk.js("canvas.hasMask()")
    desk.drag((10, 30), (50, 30))
    assert desk.mask()[30, 30] == 255


def test_layers_not_on_offer_cannot_be_drawn_on(desk: Desk):
    desk.js('canvas.setLayers(["paint"])')
    desk.drag((60, 100), (240, 100))
    assert desk.js("[canvas.hasPaint(), canvas.hasMask()]") == [True, False]
    desk.page.keyboard.press("x")
    assert desk.js("canvas.store.values.layer") == "paint"
    desk.js("canvas.setLayers([])")
    desk.drag((60, 150), (240, 150))
    assert desk.js("canvas.hasMask()") is False


def test_every_control_has_a_name_and_everything_stays_at_home(browser, address: str):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    Desk(page, address).open()
    unnamed = page.evaluate(
        """[...document.querySelectorAll(".easel-canvas :is(button, input:not([hidden]))")]
            .filter((each) => !each.getAttribute("aria-label") && !each.textContent.trim())
            .map((each) => each.outerHTML)"""
    )
    assert unnamed == []
    assert all(re.match(rf"{re.escape(address)}|data:", url) for url in asked)
    page.evaluate("canvas.help.open()")
    assert page.get_by_role("dialog").is_visible()
    page.close()


def test_destroying_leaves_nothing_behind(desk: Desk):
    desk.js("canvas.destroy()")
    assert desk.js('document.getElementById("place").childElementCount') == 0


def test_changes_are_told(desk: Desk):
    before = desk.js("changes")
    desk.drag((60, 100), (240, 100))
    desk.js("canvas.undo()")
    assert desk.js("changes") == before + 2
