"""What the job will cost, as people see it below Generate."""

import pytest
from playwright.sync_api import expect

from tests.ui.visit import visiting

pytestmark = pytest.mark.browser

LACKING = {
    "basis": "guess",
    "seconds": 90,
    "low": 30,
    "high": 270,
    "load_s": 0,
    "wait_s": 5,
    "device_memory": None,
    "memory": {"bytes": 9e9, "free": 1e9, "lacks": True},
    "disk": {"bytes": 0, "free": 1e9, "lacks": False},
    "accuracy": {"jobs": 0, "seconds": None},
}
"""What the server may say of a job that is too much."""


def test_the_cost_follows_the_controls_and_warns_in_words(chromium, page_server):
    for visit in visiting(chromium, page_server):
        page = visit.page
        cost = page.locator("#txt2img_cost")
        expect(cost).to_contain_text("of memory")
        button = page.locator("#txt2img_generate")
        expect(button).to_have_attribute("aria-describedby", "txt2img_cost")
        assert "Between" in (cost.get_attribute("title") or "")
        before = cost.inner_text()
        count = page.locator("#txt2img_batch_count input[type=number]")
        count.fill("7")
        count.press("Tab")
        expect(cost).not_to_have_text(before)
        warning = page.locator("#txt2img_preflight .warning")
        expect(warning).to_be_hidden()
        page.evaluate("told => document.querySelector('easel-preflight').show(told)", LACKING)
        expect(cost).to_contain_text("Roughly 1 min 30 s")
        expect(cost).to_contain_text("after 5.0 s of waiting")
        expect(warning).to_have_text(
            "Memory may not do: about 9.00 GB are needed, 1.00 GB are free."
        )


def test_every_line_of_the_details_is_in_the_pages_language(chromium, page_server):
    for visit in visiting(chromium, page_server, locale="ja-JP"):
        cost = visit.page.locator("#txt2img_cost")
        expect(cost).to_contain_text("メモリー")
        lines = (cost.get_attribute("title") or "").split("\n")
        assert len(lines) >= 3
        assert [line for line in lines if line.isascii()] == []
