"""Extensions for A1111's webui on the page, in a real browser."""

import pytest

from tests.conftest import Served
from tests.extension.layer import BROKEN
from tests.ui.visit import open_tab

pytestmark = pytest.mark.browser

PATIENCE_MS = 120_000


@pytest.fixture
def page(chromium, extended: Served):
    """The page, opened; what its scripts complain of is in `page.errors`."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(extended.url)
    page.wait_for_function("window.easel && window.easel.state.online")
    yield page
    context.close()


def test_page_scripts_controls_and_the_list_of_extensions_work(page):
    note = page.locator("#page_notes")
    note.wait_for()
    assert note.evaluate("one => getComputedStyle(one).color") == "rgb(1, 2, 3)"
    page.locator("#page_notes_fill").click()
    page.wait_for_function("document.querySelector('#page_notes').textContent === '3 words'")
    assert page.locator("#txt2img_prompt textarea").input_value() == "one two three"
    page.wait_for_function("window.pageNotesOption === true && window.pageNotesUpdates > 0")

    name = "#script_txt2img_brightness_lever"
    if not page.locator(f"{name}_enable-checkbox input").is_visible():
        page.locator(f"{name}_enable button.label-wrap").click()
    page.locator(f"{name}_enable-checkbox input").check()
    page.locator(f"{name}_words textarea").fill("in gold")
    page.evaluate("window.easel.set({'size.width': 64, 'size.height': 64, 'sampling.steps': 2})")
    page.locator("#txt2img_generate").click()
    shown = "window.easel.state.images[0]?.infotext ?? ''"
    page.wait_for_function(f"({shown}).startsWith('one two three, in gold')")
    assert "Lever factor: 1.5" in page.evaluate(shown)

    open_tab(page, "Extensions")
    broken = page.locator(f"#extension_{BROKEN.replace('-', '_')}_row")
    broken.wait_for()
    assert "Switched off because it broke" in broken.inner_text()
    assert "modules.sd_hijack" in broken.inner_text()
    assert page.errors == []
