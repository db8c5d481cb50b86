"""From the canvas to a file: masks, frames and drafts on the whole page, in a real Chromium."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.visit import prompt_of, recipes, set_number, visiting

SIDE = 64

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, drawing_server):
    for seen in visiting(chromium, drawing_server):
        opened(seen)
        yield seen


@pytest.fixture
def page(visit):
    return visit.page


def opened(visit):
    page = visit.page
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


def generated(page, server, prompt):
    """Press Generate and return the pixels and the recipe of the picture of that prompt."""
    prompt_of(page, "img2img").fill(prompt)
    page.locator("#img2img_generate").click()
    (new,) = recipes(page, prompt, 1)
    content = server.client.get(new["url"]).content
    return Image.open(io.BytesIO(content)).convert("RGB"), new["infotext"]


def few_steps(page):
    set_number(page, "steps", 4, "img2img")


def test_only_what_was_painted_over_changes(page, drawing_server):
    page.locator("#img2img_inpaint_tab").click()
    show(page, picture())
    few_steps(page)
    page.evaluate(f"{CANVAS}.store.set({{size: 20, hardness: 1}})")
    drag(page, (20, 32), (44, 32))
    drawn, infotext = generated(page, drawing_server, "painted over")
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
    few_steps(page)
    page.evaluate(f"{CANVAS}.view.zoomAt(0.5)")
    page.locator(".ec-rail [data-tool=frame]").click()
    drag(page, (SIDE, SIDE / 2), (SIDE + 32, SIDE / 2))
    assert page.evaluate(f"{CANVAS}.frame().width") == SIDE + 32
    drawn, _ = generated(page, drawing_server, "beyond the edge")
    assert drawn.size == (SIDE + 32, SIDE)
    kept = SIDE - 16 - 12  # less the seam and the mask's blur
    assert (np.asarray(drawn)[:, :kept] == np.asarray(picture())[:, :kept]).all()


def test_a_reload_finds_the_drawing_and_the_mode_again(visit):
    page = visit.page
    page.locator("#img2img_sketch_tab").click()
    show(page, picture())
    page.evaluate(f"{CANVAS}.store.set({{size: 12}})")
    drag(page, (20, 20), (44, 20))
    page.locator("#img2img_prompt textarea").fill("a kept prompt")
    page.wait_for_function("JSON.stringify({...localStorage}).includes('a kept prompt')")
    page.evaluate(f"{CANVAS}.draft.now()")
    page.reload()
    visit.ready(page)
    opened(visit)
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
    few_steps(page)
    generated(page, drawing_server, "sent on")
    page.locator(".easel-actions button", has_text="Inpaint").click()
    page.wait_for_function(f"() => !{CANVAS}.hasPaint() && {CANVAS}.size()?.width === {SIDE}")
    assert page.locator("#img2img_inpaint_tab").get_attribute("aria-selected") == "true"


def test_the_results_are_in_the_tab_that_is_seen(page):
    expect(page.locator("#img2img_results easel-results")).to_be_visible()
    page.get_by_role("tab", name="txt2img").first.click()
    expect(page.locator("#txt2img_results easel-results")).to_be_visible()
    expect(page.locator("easel-results")).to_have_count(1)
