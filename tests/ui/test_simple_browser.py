"""Simple mode and the page as an app, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.visit import finished, visiting

pytestmark = pytest.mark.browser

STATIC = re.compile(r"/easel/[0-9a-f]{12}/[\w/.-]+\.(js|css|svg|html)$")
KEPT = """async () => {
    await navigator.serviceWorker.ready;
    const store = await caches.open("easel-static");
    return (await store.keys()).map((request) => new URL(request.url).pathname);
}"""


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


def test_simple_mode_leaves_prompt_size_and_generate(visit, page_server):
    page = visit.page
    page.locator("#txt2img_neg_prompt textarea").fill("rain")
    page.locator("#easel_simple").click()
    for name in ("prompt", "width", "height", "generate"):
        expect(page.locator(f"#txt2img_{name}")).to_be_visible()
    for name in ("neg_prompt", "sampling", "steps", "cfg_scale", "seed", "batch_count", "advanced"):
        expect(page.locator(f"#txt2img_{name}")).to_be_hidden()
    page.reload()
    visit.ready(page)
    expect(page.locator("#easel_simple")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#txt2img_sampling")).to_be_hidden()
    page.locator("#txt2img_prompt textarea").fill("a simple cat")
    page.locator("#txt2img_generate").click()
    page.wait_for_function("window.easel.state.images[0]?.infotext.startsWith('a simple cat')")
    finished(page)
    said = page.evaluate("window.easel.state.images[0].infotext")
    assert "Negative prompt: rain" in said, "what is out of sight keeps its value"
    page.locator("#easel_simple").click()
    expect(page.locator("#txt2img_sampling")).to_be_visible()


def test_an_installed_page_keeps_its_own_files_and_nothing_else(visit, page_server):
    page = visit.page
    told = page_server.client.get("/manifest.json").json()
    assert (told["start_url"], told["display"]) == ("./", "standalone")
    assert page_server.client.get("/easel-icon.svg").headers["content-type"] == "image/svg+xml"
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    visit.ready(page)
    page.wait_for_function(f"({KEPT})().then((kept) => kept.length > 20)")
    paths = page.evaluate(KEPT)
    assert [path for path in paths if not STATIC.search(path)] == []
    visit.context.set_offline(True)
    page.reload()
    expect(page.locator("h1")).to_have_text("Easel does not answer")
    visit.context.set_offline(False)
