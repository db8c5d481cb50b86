"""The Checkpoint Merger tab in a real browser: chosen, merged, in the menu."""

import pytest
from playwright.sync_api import expect

from tests.ui.visit import open_tab, visiting

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, drawing_server):
    yield from visiting(chromium, drawing_server)


def test_two_models_become_one_that_can_be_chosen(visit, drawing_server):
    page, folder = visit.page, drawing_server.app.paths.checkpoints
    open_tab(page, "Checkpoint Merger")
    for which in ("primary", "secondary"):
        page.locator(f"#modelmerger_{which}_model_name select").select_option(label_of(page, which))
    expect(page.locator("#modelmerger_tertiary_model_name")).to_be_hidden()
    page.locator("#modelmerger_custom_name textarea").fill("of two")
    page.locator("#modelmerger_merge").click()
    expect(page.locator("#modelmerger_result")).to_contain_text("of two.safetensors")
    assert (folder / "of two.safetensors").is_file()
    page.locator("#setting_sd_model_checkpoint input").click()
    expect(page.get_by_test_id("dropdown-option")).to_contain_text(["of two", "tiny"])
    (folder / "of two.safetensors").unlink()
    drawing_server.app.catalogue(refresh=True)


def label_of(page, which):
    """The entry of the one checkpoint there is."""
    entry = page.locator(f"#modelmerger_{which}_model_name option", has_text="tiny")
    entry.first.wait_for(state="attached")
    return entry.first.text_content()
