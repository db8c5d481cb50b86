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
