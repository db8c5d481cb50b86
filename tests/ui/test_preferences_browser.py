"""Settings about the page itself, in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from modules.engine.fake import FakeEngine
from tests.conftest import serve
from tests.ui.conftest import with_page
from tests.ui.visit import visiting

pytestmark = pytest.mark.browser

OPTIONS = {
    "hidden_tabs": ["Help", "img2img", "Settings"],
    "hide_samplers": ["Heun"],
    "keyedit_precision_attention": 0.05,
    "show_progress_in_title": False,
}
STARTS = {"txt2img/Sampling steps/value": 28, "txt2img/Prompt/value": "a red house"}


@pytest.fixture
def visit(chromium, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(OPTIONS), encoding="utf-8")
    (tmp_path / "ui-config.json").write_text(json.dumps(STARTS), encoding="utf-8")
    for served in serve(tmp_path, FakeEngine(step_s=0.05), make=with_page):
        yield from visiting(chromium, served)


def test_the_page_is_as_its_owner_wants_it(visit):
    page = visit.page
    expect(page.locator("#txt2img_steps input").first).to_have_value("28")
    prompt = page.locator("#txt2img_prompt textarea")
    expect(prompt).to_have_value("a red house")
    expect(page.locator("#tab_settings-button").first).to_be_visible()
    for tab in ("help", "img2img"):
        expect(page.locator(f"#tab_{tab}-button:visible")).to_have_count(0)
    prompt.evaluate("area => area.setSelectionRange(3, 3)")
    prompt.press("Control+ArrowUp")
    expect(prompt).to_have_value("a (red:1.05) house")
    page.locator("#txt2img_sampling input").click()
    entries = page.locator("#txt2img_sampling [role=option]")
    expect(entries.filter(has_text="Euler a").first).to_be_visible()
    assert "Heun" not in [text.strip(" ✓\n") for text in entries.all_inner_texts()]
    page.keyboard.press("Escape")
    page.locator("#txt2img_generate").click()
    expect(page.locator("body.easel-running")).to_be_attached()
    assert page.title() == "Easel"
    assert visit.errors == []
