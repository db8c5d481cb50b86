"""The desk around the drawing: drafts, keys, pens, fingers, files, names."""

import base64
import re

import numpy as np
import pytest

from tests.ui.canvas.conftest import HEIGHT, WIDTH, Desk, gradient, png

pytestmark = pytest.mark.browser


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


def test_every_control_has_a_name_and_everything_stays_at_home(chromium, address: str):
    page = chromium.new_page()
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
