"""The Models tab in a real browser: thousands of cards, clicks into the prompt, notes."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from modules.engine.fake import FakeEngine
from tests.conftest import GOLDEN, serve
from tests.service.test_cards import write_lora
from tests.ui.conftest import with_page
from tests.ui.visit import visiting

pytestmark = pytest.mark.browser

MANY = 2000


@pytest.fixture(scope="module")
def browsed(tmp_path_factory):
    data = tmp_path_factory.mktemp("models")
    folder = data / "models" / "Lora"
    for number in range(MANY):
        write_lora(folder / f"group {number % 7}" / f"style {number}.safetensors")
    shutil.copy(GOLDEN / "data" / "Lora" / "tinylora.safetensors", folder)
    notes = {"activation text": "oil paint", "preferred weight": 0.6, "negative text": "photo"}
    (folder / "tinylora.json").write_text(json.dumps(notes))
    shutil.copytree(GOLDEN / "data" / "embeddings", data / "embeddings")
    for served in serve(data, FakeEngine(), make=with_page):
        served.app.cards.look()
        yield served


@pytest.fixture
def visit(chromium, browsed):
    for seen in visiting(chromium, browsed):
        seen.page.get_by_role("tab", name="Models", exact=True).click()
        expect(seen.page.locator("easel-models .count")).to_have_text(f"{MANY + 1:,} models")
        yield seen
        assert seen.errors == []
        assert seen.outside == []


def card(visit, name):
    return visit.page.locator(f'.model[data-name="{name}"]')


def prompts(visit):
    boxes = ("#txt2img_prompt textarea", "#txt2img_neg_prompt textarea")
    return [visit.page.locator(box) for box in boxes]


def test_a_click_puts_a_network_into_the_prompt_and_another_takes_it_out(visit):
    prompt, negative = prompts(visit)
    card(visit, "tinylora").locator(".take").click()
    expect(prompt).to_have_value("<lora:tinylora:0.6> oil paint")
    expect(negative).to_have_value("(photo:1)")
    expect(card(visit, "tinylora")).to_have_class("model used")
    card(visit, "tinylora").locator(".take").click()
    expect(prompt).to_have_value("")
    expect(negative).to_have_value("")


def test_only_what_is_in_view_is_in_the_page(visit):
    assert visit.page.locator(".model").count() < 120
    visit.page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
    expect(card(visit, "style 1994")).to_be_visible()  # the last of the last folder
    assert visit.page.locator(".model").count() < 120
    visit.page.get_by_label("Search models").fill("style 77 group")
    found = [number for number in range(MANY) if "77" in str(number)]
    count = visit.page.locator("easel-models .count")
    expect(count).to_have_text(f"{len(found)} models")
    visit.page.get_by_label("Folder", exact=True).select_option("group 0")
    expect(count).to_have_text(f"{sum(number % 7 == 0 for number in found)} models")


def test_embeddings_go_to_the_box_that_was_used_last(visit):
    prompt, negative = prompts(visit)
    visit.page.get_by_role("tab", name="txt2img", exact=True).click()
    negative.click()
    visit.page.get_by_role("tab", name="Models", exact=True).click()
    visit.page.get_by_role("tab", name="Textual Inversion").click()
    card(visit, "tinyemb").locator(".take").click()
    expect(negative).to_have_value("tinyemb")
    expect(prompt).to_have_value("")


def test_notes_are_kept_and_show_on_the_card(visit, browsed):
    card(visit, "tinylora").hover()
    card(visit, "tinylora").get_by_label("Notes on tinylora").click()
    sheet = visit.page.locator("dialog.model-sheet")
    expect(sheet.get_by_label("Activation text")).to_have_value("oil paint")
    expect(sheet.locator(".report")).not_to_be_empty()  # the engine has no file to compare with
    sheet.get_by_label("Activation text").fill("thick paint")
    sheet.get_by_role("button", name="Save").click()
    expect(card(visit, "tinylora")).to_contain_text("thick paint")
    kept = json.loads((browsed.app.paths.lora / "tinylora.json").read_text())
    assert (kept["activation text"], kept["preferred weight"]) == ("thick paint", 0.6)


CLICKS = [
    ("", "<lora:a:1>", "<lora:a:1>"),
    ("a cat", "<lora:a:1> word", "a cat <lora:a:1> word"),
    ("a cat <lora:a:0.3> word, fur", "<lora:a:1> word", "a cat, fur"),
    ("<lora:ab:1>", "<lora:a:1>", "<lora:ab:1> <lora:a:1>"),
    ("<lora:a.b:1>", "<lora:a.b:0.7>", ""),
    ("<hypernet:a:1>", "<lora:a:1>", "<hypernet:a:1> <lora:a:1>"),
    ("a cat emb", "emb", "a cat"),
    ("an embassy", "emb", "an embassy emb"),
]
"""A prompt, what a card inserts, and the prompt after a click."""


def test_what_a_click_does_to_a_prompt(visit):
    script = """async ([prompt, insert]) => {
        const own = document.querySelector('script[src$="main.js"]').src;
        const { toggled } = await import(own.replace("main.js", "insertion.js"));
        return toggled({ prompt, negative_prompt: "" }, { prompt: insert }).prompt;
    }"""
    for text, insert, now in CLICKS:
        assert visit.page.evaluate(script, [text, insert]) == now
