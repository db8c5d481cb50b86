"""The page by the rules of axe-core, with the keyboard alone, on a phone, and zoomed."""

from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import expect

from tests.ui.visit import finished, visiting

pytestmark = pytest.mark.browser

RULES = Path(axe_core_python.__file__).with_name("axe.min.js")
SERIOUS = ("serious", "critical")
TAB = '#tabs > .tab-wrapper :is([role="tab"], .overflow-dropdown button)'
TITLES = """() => [...document.querySelectorAll("#tabs > .tab-wrapper .visually-hidden button")]
    .map((button) => button.textContent.trim())"""
OPEN = f"""(title) => [...document.querySelectorAll('{TAB}')]
    .find((button) => button.textContent.trim() === title).click()"""
LOOK = """async ([rules, whole]) => {
    const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
    const panels = [...document.querySelectorAll("#tabs > .tabitem, #tabs > [role=tabpanel]")];
    const place = whole ? document : panels.find((panel) => panel.checkVisibility());
    const { violations } = await axe.run(place, { resultTypes: ["violations"], ...only });
    return violations.flatMap(({ id, impact, nodes }) =>
        nodes.map(({ target }) => [impact, id, target.join(" ")]));
}"""
DESKTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
ZOOMED = {"width": 683, "height": 384}
"""What a window of 1366 x 768 holds at 200 percent."""
VIEWS = [
    ("light", DESKTOP, None),
    ("dark", DESKTOP, ["color-contrast"]),
    ("light", PHONE, None),
    ("dark", PHONE, ["color-contrast"]),
    ("light", ZOOMED, []),
]
"""Dark and zoomed pages differ from others in colours and in where things are."""


@pytest.mark.parametrize(("scheme", "window", "rules"), VIEWS)
def test_no_tab_has_a_serious_fault(chromium, page_server, scheme, window, rules):
    still = {"color_scheme": scheme, "reduced_motion": "reduce"}  # no colour on its way to another
    for visit in visiting(chromium, page_server, viewport=window, **still):
        page = visit.page
        assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
        page.evaluate(RULES.read_text("utf-8"))
        for number, title in enumerate(page.evaluate(TITLES)):
            page.evaluate(OPEN, title)
            page.wait_for_timeout(200)
            faults = page.evaluate(LOOK, [rules, number == 0]) if rules != [] else []
            assert [one for one in faults if one[0] in SERIOUS] == [], title
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{title} scrolls sideways"


def test_the_settings_choose_light_or_dark_whatever_the_system_has(chromium, page_server):
    is_dark = "document.body.classList.contains('dark')"
    for visit in visiting(chromium, page_server, color_scheme="light"):
        page = visit.page
        assert not page.evaluate(is_dark)
        page_server.app.set_options({"theme": "dark"})
        try:
            page.reload()
            visit.ready(page)
            page.wait_for_function(is_dark)
        finally:
            page_server.app.set_options({"theme": "Automatic"})
        page.reload()
        page.wait_for_function(f"!{is_dark}")


FOCUSED = "(place) => Boolean(document.activeElement?.closest(place))"
LOST = "() => document.activeElement === document.body"


def tab_to(page, place, key="Tab", most=150):
    """Press Tab until something in `place` has the focus."""
    for _ in range(most):
        if page.evaluate(FOCUSED, place):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{place} cannot be reached with the keyboard")


def open_by_keyboard(page, title):
    """Go up to the row of tabs and open one, also one that is behind the three dots."""
    tab_to(page, "#tabs > .tab-wrapper", "Shift+Tab", 300)
    shown = page.locator('#tabs > .tab-wrapper [role="tab"]', has_text=title)
    if shown.count():
        tab_to(page, f"#{shown.get_attribute('id')}", "Shift+Tab")
    else:
        tab_to(page, ".overflow-menu > button")
        page.keyboard.press("Enter")
        entry = page.locator(".overflow-dropdown button", has_text=title)
        for _ in range(20):
            page.keyboard.press("Tab")
            if entry.evaluate("(button) => button === document.activeElement"):
                break
    page.keyboard.press("Enter")


@pytest.mark.parametrize("window", [DESKTOP, PHONE])
def test_a_picture_is_drawn_repainted_saved_and_found_with_the_keyboard_alone(
    chromium, page_server, window
):
    for visit in visiting(chromium, page_server, viewport=window):
        page, keys = visit.page, visit.page.keyboard
        words = f"a pond by keys {window['width']}"
        tab_to(page, "#txt2img_prompt textarea")
        keys.type(words)
        keys.press("Control+Enter")
        page.wait_for_function("window.easel.state.images.length > 0")
        finished(page)
        tab_to(page, ".easel-actions button[title*='npaint']")
        keys.press("Enter")
        stage = page.locator("easel-source .ec-stage")
        expect(stage).to_be_visible()
        expect(page.locator("#img2img_inpaint_tab")).to_have_attribute("aria-selected", "true")
        page.wait_for_function("document.querySelector('easel-source').canvas.size()")
        assert not page.evaluate(LOST), "the focus is lost"
        tab_to(page, "easel-source .ec-stage")
        for key in ("ArrowRight", "Space", "ArrowDown", "ArrowDown", "ArrowRight", "Space"):
            keys.press(key)
        page.wait_for_function("document.querySelector('easel-source').canvas.hasMask()")
        tab_to(page, "#img2img_prompt textarea", "Shift+Tab")
        keys.press("Control+A")
        keys.type(f"{words} repainted")
        keys.press("Control+Enter")
        page.wait_for_function("window.easel.state.images[0]?.infotext.includes('repainted')")
        finished(page)
        tab_to(page, ".easel-actions button[title^='Save']")
        keys.press("Enter")
        expect(page.locator(".easel-toasts")).to_contain_text("Saved")
        open_by_keyboard(page, "History")
        expect(page.locator("easel-history")).to_be_visible()
        tab_to(page, "easel-history input[type='search']")
        keys.type(f"{words} repainted")
        tile = page.locator("easel-history .tile:not(.coming)")
        expect(tile).to_have_count(1)
        tab_to(page, "easel-history .tile button.picture")
        keys.press("Enter")
        expect(page.locator("dialog[open]")).to_contain_text("repainted")
        keys.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
        assert page.evaluate(FOCUSED, "easel-history .tile button.picture"), "the focus came back"
