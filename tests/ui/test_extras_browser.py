"""The Extras tab in a real browser: a picture dropped, made larger, saved, shown."""

import base64

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.visit import visiting

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


def test_a_dropped_picture_is_made_larger_saved_and_sent_on(visit, page_server, tmp_path):
    page, path = visit.page, tmp_path / "cat.png"
    Image.new("RGB", (40, 24), (200, 30, 10)).save(path)
    page.get_by_role("tab", name="Extras", exact=True).click()
    page.evaluate(
        """(content) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "cat.png", { type: "image/png" }));
            const about = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.getElementById("extras_image").dispatchEvent(new DragEvent("drop", about));
        }""",
        base64.b64encode(path.read_bytes()).decode(),
    )
    expect(page.locator("#extras_image")).to_contain_text("1 picture chosen")
    page.locator("#extras_upscaler_1 select").select_option("Lanczos")
    page.locator("#extras_upscaling_resize input").fill("2")
    page.locator("#extras_generate").click()
    tile = page.locator("#extras_gallery .tile")
    expect(tile).to_contain_text("80 × 48")
    saved = page_server.app.image_file(tile.get_attribute("data-id") or "")
    assert saved.parent.name == "extras-images"
    with Image.open(saved) as picture:
        assert picture.size == (80, 48)
        assert picture.info["extras"].endswith("Postprocess upscaler: Lanczos")
    tile.get_by_role("button", name="Extras").click()
    page.locator("#extras_flips_on").check()
    page.locator("#extras_generate").click()
    expect(tile.first).to_contain_text("160 × 96")
    expect(tile).to_have_count(2)
    page.reload()
    visit.ready(page)
    page.get_by_role("tab", name="Extras", exact=True).click()
    expect(tile).to_have_count(2)
    expect(page.locator("#extras_flips_on")).to_be_checked()


def test_more_is_done_in_order_and_captions_are_written(visit, page_server, tmp_path):
    page, path = visit.page, tmp_path / "dog.png"
    Image.new("RGB", (96, 64), (10, 90, 200)).save(path)
    page.get_by_role("tab", name="Extras", exact=True).click()
    page.locator("#extras_image input").set_input_files(path)
    for name in ("upscale", "split", "autocrop", "flips"):
        page.locator(f"#extras_{name}_on").uncheck()
    page.locator("#extras_codeformer_on").check()
    expect(page.locator("#extras_codeformer_weight input")).to_have_value("0")
    hint = page.get_by_text("Put codeformer-v0.1.0.pth into models/Codeformer.")
    expect(hint).to_be_visible()
    page.locator("#extras_generate").click()
    expect(page.locator(".easel-toast.error").first).to_contain_text("Faces cannot be restored")
    page.locator("#extras_codeformer_on").uncheck()
    for name in ("focal", "caption"):
        page.locator(f"#extras_{name}_on").check()
    for side in ("width", "height"):
        page.locator(f"#extras_focal_{side} input").fill("64")
    page.locator("#extras_generate").click()
    tile = page.locator("#extras_gallery .tile", has_text="64 × 64")
    expect(tile).to_have_count(1)
    saved = page_server.app.image_file(tile.get_attribute("data-id") or "")
    assert saved.with_suffix(".txt").read_text() == "a plain colour"


def test_a_picture_on_the_canvas_is_described_as_the_prompt(visit):
    page = visit.page
    page.get_by_role("tab", name="img2img", exact=True).click()
    page.locator("#interrogate").click()
    expect(page.locator(".easel-toast.error")).to_contain_text("There is no picture to describe.")
    page.evaluate(
        """async () => {
            const sheet = new OffscreenCanvas(64, 64);
            sheet.getContext("2d").fillRect(0, 0, 64, 64);
            const { canvas } = document.querySelector("easel-source");
            await canvas.setBase(await sheet.convertToBlob());
        }"""
    )
    page.locator("#interrogate").click()
    expect(page.locator("#img2img_prompt textarea")).to_have_value("a plain colour")
