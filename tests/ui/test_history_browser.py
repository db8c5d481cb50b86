"""The History tab in a real browser: thousands of pictures, search, selection, a standstill."""

import random
import re

import pytest
from playwright.sync_api import expect

from modules.engine.fake import FakeEngine
from modules.service.facts import describing, moment_of
from modules.service.job import new_id
from modules.service.picture import BLANK, inserting
from modules.service.search import Search
from tests.conftest import serve
from tests.service.pictures import recipe, write_picture
from tests.ui.conftest import with_page
from tests.ui.visit import visiting

pytestmark = pytest.mark.browser

MANY = 5000
WORDS = ("apple", "boat", "tree")


def fill(served):
    """Five thousand rows that share a few files."""
    database, folder = served.app._database, served.app.paths.data / "elsewhere"
    files = [write_picture(folder / f"{word}.png", size=(64, 64)) for word in WORDS]
    dice, statements = random.Random(1), []
    for number in range(MANY):
        which = dice.randrange(3)
        row = {
            "id": new_id(),
            "job": "",
            "position": 0,
            "kind": "image",
            "saved": True,
            "path": str(files[which]),
            "infotext": recipe(f"{WORDS[which]} {number}", model=f"model-{number % 2}"),
            "width": 64,
            "height": 64,
            "seed": number,
            "created": 1.7e9 - number,
            "moment": moment_of(1.7e9 - number, number),
        }
        statements += [inserting(row), *describing({**BLANK, **row})]
    database.write(*statements)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    for served in serve(tmp_path_factory.mktemp("many"), FakeEngine(), make=with_page):
        fill(served)
        yield served


@pytest.fixture
def history(chromium, filled):
    for seen in visiting(chromium, filled):
        seen.page.locator("#tab_history-button").click()
        expect(seen.page.locator("easel-history .count")).to_have_text("5,000 pictures")
        yield seen


def tiles(page):
    return page.locator("easel-history .tile[data-id]")


def first_prompt(page):
    return tiles(page).first.locator("figcaption > span")


def test_thousands_of_pictures_are_scrolled_with_a_few_in_the_page(history):
    page = history.page
    expect(first_prompt(page)).to_contain_text(" 0")
    assert tiles(page).count() < 200
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    last = page.locator("easel-history .tile[data-id] figcaption > span", has_text=" 4999")
    expect(last).to_be_visible()
    assert tiles(page).count() < 200


def test_the_server_searches_and_filters(history, filled):
    page = history.page
    page.get_by_label("Search pictures").fill("boat")
    boats = filled.app.collection.count(Search(text="boat"))
    expect(page.locator("easel-history .count")).to_have_text(f"{boats:,} pictures")
    expect(first_prompt(page)).to_contain_text("boat")
    page.get_by_label("model", exact=True).select_option("model-1")
    both = filled.app.collection.count(Search(text="boat", model="model-1"))
    expect(page.locator("easel-history .count")).to_have_text(f"{both:,} pictures")
    page.get_by_label("Search pictures").fill("submarine")
    expect(page.locator("easel-history .nothing")).to_have_text("Nothing found.")


def test_a_selection_is_compared_and_rated(history, filled):
    page = history.page
    boxes = page.locator("easel-history .tile .pick")
    boxes.nth(0).check(force=True)
    boxes.nth(1).check(force=True)
    bar = page.get_by_role("toolbar", name="Selected pictures")
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Compare").click()
    both = page.get_by_role("dialog", name="Compare two pictures")
    expect(both.locator("tr", has_text="Model")).to_contain_text("model-1")
    both.get_by_label("Where the line is").press("ArrowLeft")
    expect(both.locator(".compare-stage")).to_have_attribute("style", re.compile(r"--at: ?49.5%"))
    page.keyboard.press("Escape")
    bar.get_by_label("Rate").select_option("5")
    expect(page.locator("easel-history .star[aria-pressed=true]")).to_have_count(2)
    assert filled.app.collection.count(Search(rating=5)) == 2


def test_what_was_deleted_lies_in_the_trash_until_it_is_put_back(history, filled):
    page = history.page
    before = filled.app.collection.count(Search())
    page.locator("easel-history .tile .pick").nth(0).check(force=True)
    bar = page.get_by_role("toolbar", name="Selected pictures")
    bar.get_by_role("button", name="Delete").click()
    expect(bar).to_contain_text("1 deleted")
    page.get_by_role("button", name="Trash").click()
    trash = page.get_by_role("dialog", name="Trash")
    expect(trash.locator(".tile")).to_have_count(1)
    trash.get_by_role("button", name="Empty the trash").click()
    expect(trash.get_by_role("button", name="Delete 1 for good?")).to_be_visible()
    trash.get_by_role("button", name="Put back", exact=True).click()
    expect(trash).to_contain_text("The trash is empty.")
    assert filled.app.collection.count(Search()) == before


def test_a_paused_queue_is_told_on_every_page_until_it_goes_on(history, filled):
    page = history.page
    filled.app.control.pause("Somebody needs the graphics card.")
    banner = page.locator(".easel-standstill")
    expect(banner).to_contain_text("Somebody needs the graphics card.")
    banner.get_by_role("button", name="Resume").click()
    expect(banner).to_be_hidden()
    assert filled.app.control.state().paused == ""
