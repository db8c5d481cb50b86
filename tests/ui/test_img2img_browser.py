"""From the canvas to a file: masks, frames and drafts on the whole page, in a real Chromium."""

import base64
import io
import shutil

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 150_000
SIDE = 64

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt install chromium)"),
]


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, drawing_server):
    context = chromium.new_context(viewport={"width": 1366, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    opened(page, drawing_server.url)
    yield page
    context.close()
    assert wrong == []


def opened(page, url):
    page.goto(url)
    expect(page.locator("#txt2img_generate")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_function("window.easel && window.easel.state.online")
    page.get_by_role("tab", name="img2img").first.click()
    expect(page.locator("easel-source .ec-stage")).to_be_visible()
    page.evaluate(f"{CANVAS}.ready")


CANVAS = "document.querySelector('easel-source').canvas"


def picture():
    columns = np.linspace(40, 220, SIDE).astype(np.uint8)
    pixels = np.stack([np.tile(columns, (SIDE, 1)), np.full((SIDE, SIDE), 90), columns[:, None]
                       .repeat(SIDE, 1)], axis=2)  # fmt: skip
    return Image.fromarray(pixels.astype(np.uint8))


def show(page, image):
    file = io.BytesIO()
    image.save(file, "PNG")
    page.evaluate(
        f"""async (text) => {CANVAS}.setBase(new Blob(
            [Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], {{type: "image/png"}}
        ))""",
        base64.b64encode(file.getvalue()).decode(),
    )


def place(page, x, y):
    return page.evaluate(
        f"""([x, y]) => {{
            const at = {CANVAS}.view.toStage(x, y);
            const box = {CANVAS}.stage.getBoundingClientRect();
            return [at.x + box.left, at.y + box.top];
        }}""",
        [x, y],
    )


def drag(page, *points):
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=5)
    page.mouse.up()


def generated(page, server):
    """Press Generate and return the new picture's pixels."""
    before = {image["id"] for image in images(server)}
    page.locator("#img2img_generate").click()
    page.wait_for_function(
        "count => window.easel.state.images.length > count && !window.easel.state.sending"
        " && !document.body.classList.contains('easel-running')",
        arg=len(before),
    )
    (new,) = [image for image in images(server) if image["id"] not in before]
    content = server.client.get(new["url"]).content
    return Image.open(io.BytesIO(content)).convert("RGB"), new["infotext"]


def images(server):
    answer = server.client.get("/api/v1/images?limit=100").json()
    return answer if isinstance(answer, list) else answer["images"]


def steps(page, count=6):
    box = page.locator("#img2img_steps input").first
    box.fill(str(count))
    box.press("Tab")


def test_only_what_was_painted_over_changes(page, drawing_server):
    page.locator("#img2img_inpaint_tab").click()
    show(page, picture())
    steps(page)
    page.evaluate(f"{CANVAS}.store.set({{size: 20, hardness: 1}})")
    drag(page, (20, 32), (44, 32))
    drawn, infotext = generated(page, drawing_server)
    assert drawn.size == (SIDE, SIDE)
    difference = np.abs(np.asarray(drawn).astype(int) - np.asarray(picture())).max(axis=2)
    assert difference[28:36, 24:40].max() > 8
    far = np.ones((SIDE, SIDE), bool)
    far[32 - 10 - 10 : 32 + 10 + 10, 20 - 10 - 10 : 44 + 10 + 10] = False  # the blur reaches so far
    assert (difference[far] == 0).all()
    assert "Denoising strength: 0.75" in infotext and "Mask blur: 4" in infotext


def test_the_frame_dragged_past_the_edge_makes_the_picture_larger(page, drawing_server):
    page.locator("#img2img_img2img_tab").click()
    show(page, picture())
    steps(page)
    page.evaluate(f"{CANVAS}.view.zoomAt(0.5)")
    page.locator(".ec-rail [data-tool=frame]").click()
    drag(page, (SIDE, SIDE / 2), (SIDE + 32, SIDE / 2))
    assert page.evaluate(f"{CANVAS}.frame().width") == SIDE + 32
    drawn, _ = generated(page, drawing_server)
    assert drawn.size == (SIDE + 32, SIDE)
    kept = np.asarray(drawn)[:, : SIDE - 8 - 12]  # less the seam and the mask's blur
    assert (kept == np.asarray(picture())[:, : SIDE - 8 - 12]).all()


def test_a_reload_finds_the_drawing_and_the_mode_again(page, drawing_server):
    page.locator("#img2img_sketch_tab").click()
    show(page, picture())
    page.evaluate(f"{CANVAS}.store.set({{size: 12}})")
    drag(page, (20, 20), (44, 20))
    page.locator("#img2img_prompt textarea").fill("a kept prompt")
    page.wait_for_timeout(800)
    opened(page, drawing_server.url)
    assert page.evaluate(f"{CANVAS}.hasPaint()")
    assert page.locator("#img2img_sketch_tab").get_attribute("aria-selected") == "true"
    expect(page.locator("#img2img_prompt textarea")).to_have_value("a kept prompt")


def test_without_a_mask_or_a_picture_it_says_so_and_nothing_is_lost(page):
    page.locator("#img2img_inpaint_tab").click()
    page.locator("#img2img_prompt textarea").fill("kept")
    page.locator("#img2img_generate").click()
    expect(page.locator(".easel-toast.error").last).to_contain_text("no picture")
    show(page, picture())
    page.locator("#img2img_generate").click()
    expect(page.locator(".easel-toast.error").last).to_contain_text("Nothing is masked")
    expect(page.locator("#img2img_prompt textarea")).to_have_value("kept")


def test_a_finished_picture_is_sent_to_the_canvas(page, drawing_server):
    show(page, picture())
    page.locator("#img2img_img2img_tab").click()
    steps(page)
    generated(page, drawing_server)
    page.locator(".easel-actions button", has_text="Inpaint").click()
    page.wait_for_function(f"() => !{CANVAS}.hasPaint() && {CANVAS}.size()?.width === {SIDE}")
    assert page.locator("#img2img_inpaint_tab").get_attribute("aria-selected") == "true"


def test_the_results_are_in_the_tab_that_is_seen(page):
    expect(page.locator("#img2img_results easel-results")).to_be_visible()
    page.get_by_role("tab", name="txt2img").first.click()
    expect(page.locator("#txt2img_results easel-results")).to_be_visible()
    expect(page.locator("easel-results")).to_have_count(1)
