"""The sheet for copies in a real browser: what it shows is what the file holds."""

import pytest
from playwright.sync_api import expect

from modules.service.contents import readable
from tests.ui.visit import visiting

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


def test_a_copy_is_looked_into_and_downloaded(visit, tmp_path):
    page = visit.page
    page.locator("#txt2img_prompt textarea").fill("a prompt for nobody else")
    page.locator("#txt2img_generate").click()
    page.wait_for_function("window.easel.state.images[0]?.infotext.includes('nobody else')")
    page.locator("#txt2img_gallery img, easel-results img").first.click()
    page.locator(".easel-viewer").get_by_role("button", name="Share a copy").click()
    sheet = page.get_by_role("dialog", name="Share a copy")
    expect(sheet.locator(".found")).to_contain_text("Made by a trained model.")
    expect(sheet.locator(".found")).not_to_contain_text("nobody else")
    sheet.get_by_role("radio").first.press("Space")
    expect(sheet.locator(".found")).to_contain_text("a prompt for nobody else")
    sheet.get_by_role("radio").last.press("Space")
    expect(sheet.locator(".found")).to_contain_text("Nothing but the pixels")
    expect(sheet.get_by_role("checkbox")).to_be_disabled()
    sheet.get_by_label("Format").select_option("webp")
    expect(sheet.locator(".found")).to_contain_text(".webp")
    with page.expect_download() as caught:
        sheet.get_by_role("button", name="Download the copy").click()
    path = tmp_path / "copy.webp"
    caught.value.save_as(path)
    assert caught.value.suggested_filename.startswith("picture-")
    assert readable(path.read_bytes()) == ()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
