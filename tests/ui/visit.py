"""Somebody who looks at the page with a real browser; what tests of the whole page share."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from tests.conftest import Served

PATIENCE_MS = 120_000
"""Enough for a page on a machine that is busy with something else."""
WINDOW = {"width": 1366, "height": 768}
RECIPES = """window.easel.state.images.filter((image) => (image.infotext ?? "").startsWith(text))"""


class Visit:
    """One browser's look at the page, with everything that went wrong on the way."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        """One more tab, ready."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self.note)
        page.goto(self.url)
        self.ready(page)
        return page

    def note(self, request: Request) -> None:
        """Remember what is asked of anybody else."""
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.outside.append(request.url)

    def ready(self, page: Page) -> None:
        """Wait until the page can be used: after a reload too."""
        expect(page.locator("#txt2img_generate")).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_function("window.easel && window.easel.state.online")
        expect(page.locator("#setting_sd_model_checkpoint input")).not_to_have_value("")


def visiting(chromium: Browser, served: Served, **options: Any) -> Iterator[Visit]:
    """Visit a server with a browser that was never there; afterwards all is quiet again."""
    options = {"viewport": WINDOW, "accept_downloads": True} | options
    context = chromium.new_context(**options)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        seen = Visit(context, served.url)
        yield seen
    finally:
        context.close()
        quieten(served)
    assert seen.errors == []
    assert seen.outside == []


def quieten(served: Served) -> None:
    """End what is left over, so that the next test finds nothing running."""
    queue = served.app.queue
    end = time.monotonic() + PATIENCE_MS / 1000
    while left := [*queue.waiting(), *queue.running()]:
        assert time.monotonic() < end, "a job does not end"
        for job in left:
            served.app.stop(job)
        time.sleep(0.02)


def open_tab(page: Page, title: str) -> None:
    """Open a tab, also one for which the row has no room."""
    row = page.locator("#tabs > .tab-wrapper")
    tab = row.get_by_role("tab", name=title, exact=True)
    if not tab.count():
        row.get_by_label("More tabs").click()
        tab = row.locator(".overflow-dropdown button", has_text=title)
    tab.click()


def set_number(page: Page, name: str, value: float, tab: str = "txt2img") -> None:
    """Write into a number's box."""
    box = page.locator(f"#{tab}_{name} input").first
    box.fill(str(value))
    box.press("Tab")


def prompt_of(page: Page, tab: str = "txt2img") -> Locator:
    """Where the prompt is written."""
    return page.locator(f"#{tab}_prompt textarea")


def finished(page: Page) -> None:
    """Wait until the page says that nothing is drawn."""
    page.wait_for_function("!document.body.classList.contains('easel-running')")


def recipes(page: Page, text: str, count: int) -> list[dict[str, Any]]:
    """Wait until `count` pictures are shown whose recipe begins with `text`; newest first.

    A server is shared by many tests: only the recipe tells whose picture it is.
    """
    page.wait_for_function(
        f"([text, count]) => {RECIPES}.length >= count || window.easel.state.job?.error",
        arg=[text, count],
    )
    found: list[dict[str, Any]] = page.evaluate(f"(text) => {RECIPES}", text)
    assert len(found) == count, page.evaluate("window.easel.state.job?.error")
    return found


def thumb(page: Page, image: dict[str, Any]) -> Locator:
    """A picture's small view in the strip."""
    return page.locator(f'#txt2img_gallery .thumb[data-id="{image["id"]}"]')


def download(page: Page, folder: Path, name: str) -> Path:
    """Save the shown picture by its button."""
    with page.expect_download() as waiting:
        page.locator(".easel-actions button", has_text="Download").click()
    path = folder / name
    waiting.value.save_as(path)
    return path


def drop(page: Page, path: Path, use: str = "all") -> None:
    """Let a picture fall onto the page, and say what it is for: "all", "prompt" or "image"."""
    content = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        """([content, name]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "image/png" }));
            const about = { dataTransfer: transfer, bubbles: true, cancelable: true };
            for (const kind of ["dragenter", "dragover", "drop"]) {
                document.body.dispatchEvent(new DragEvent(kind, about));
            }
        }""",
        [content, path.name],
    )
    page.locator(f"#dropped_{use}").click()
