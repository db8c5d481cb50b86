"""The page in other languages, in a real browser: every visible text passes through translation."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.ui.visit import visiting

pytestmark = pytest.mark.browser

WALK = """() => {
    const apart = '[translate="no"], textarea, script, style, code, pre, kbd, ul.options';
    const said = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
        const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        if (!element?.checkVisibility({ visibilityProperty: true }) || element.closest(apart)) continue;
        const texts = node.nodeType === Node.TEXT_NODE ? [node.data]
            : ["title", "placeholder", "aria-label", "alt"].map((name) => element.getAttribute(name));
        said.push(...texts.filter((text) => /\\p{L}/u.test(text ?? "")).map((text) => text.trim()));
    }
    return said;
}"""  # noqa: E501
"""Every text that can be seen or heard, however it came there."""
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
UNTRANSLATED = re.compile(
    r"""[\W\d_]* ( [A-Z][A-Za-z0-9-]{1,12} | Textual\ Inversion | Sigma\ \w+ | \w+\.\w+ .*
    | easel-.* | .*\[[0-9a-f]+\] | [a-z0-9_]+ | /.* | https?:.* ) [\W\d_]*""",
    re.VERBOSE,
)
"""Names, which are the same in every language."""
SHARE_LEFT = 0.03
"""Of a tab's texts that may wait for translation."""
TABS = (
    "txt2img", "img2img", "extras", "models", "pnginfo", "history", "settings",
    "extensions", "help", "modelmerger",
)  # fmt: skip


def seen_on_every_tab(page, tabs=TABS):
    """What is said on each tab, everything unfolded."""
    page.set_viewport_size({"width": 2200, "height": 1000})
    for name in tabs:
        page.locator(f"#tab_{name}-button").click()
        expect(page.locator(f"#tab_{name}")).to_be_visible()
        page.wait_for_timeout(400)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        yield name, page.evaluate(WALK)


@pytest.fixture
def pseudo(page_server):
    """A language in which every text is marked."""
    folder = page_server.app.paths.localizations
    folder.mkdir(exist_ok=True)
    (folder / "pseudo.json").write_text(json.dumps({"{0}": "⟦{0}⟧"}), "utf-8")
    page_server.app.set_options({"localization": "pseudo"})
    yield
    page_server.app.set_options({"localization": "Automatic"})
    (folder / "pseudo.json").unlink()


def test_no_visible_text_escapes_translation_but_what_people_wrote(pseudo, chromium, page_server):
    for visit in visiting(chromium, page_server):
        for name, texts in seen_on_every_tab(visit.page):
            assert len(texts) > 5, name
            assert [text for text in texts if "⟦" not in text] == [], name
        page = visit.page
        page.locator("#tab_txt2img-button").click()
        page.locator("#txt2img_prompt textarea").fill("Steps")
        page.locator("#txt2img_generate").click()
        drawn = "window.easel.state.images[0]?.infotext.startsWith('Steps\\nSteps: ')"
        page.wait_for_function(drawn)
        assert page.locator("#txt2img_prompt textarea").input_value() == "Steps"


@pytest.mark.parametrize(
    ("locale", "tabs"), [("zh-CN", TABS), ("ja-JP", ("txt2img", "extras", "settings"))]
)
def test_a_browser_sees_the_page_in_its_own_language(chromium, page_server, locale, tabs):
    for visit in visiting(chromium, page_server, locale=locale):
        page = visit.page
        assert page.evaluate("document.documentElement.lang") in ("zh-Hans", "ja")
        for name, texts in seen_on_every_tab(page, tabs):
            english = {text for text in texts if not CJK.search(text)}
            left = [text for text in english if not UNTRANSLATED.fullmatch(text)]
            assert len(left) <= SHARE_LEFT * len(texts), f"{name}: {left}"
