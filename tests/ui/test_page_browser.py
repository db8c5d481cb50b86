"""The page in a real Chromium: what people do, from the first look to identical pixels."""

import re
import shutil

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

from tests.ui.visit import (
    download,
    drop,
    finished,
    prompt_of,
    recipes,
    set_number,
    thumb,
    visiting,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


@pytest.fixture
def drawing(chromium, drawing_server):
    yield from visiting(chromium, drawing_server)


def test_a_picture_drawn_reloaded_downloaded_and_dropped_back_is_drawn_the_same(
    drawing, chromium, drawing_server, tmp_path
):
    page = drawing.page
    prompt_of(page).fill("a (cat:1.2), [sky|sea]")
    page.locator("#txt2img_neg_prompt textarea").fill("dog")
    for name, value in (("steps", 16), ("cfg_scale", 5.5), ("width", 96), ("height", 64)):
        set_number(page, name, value)
    set_number(page, "batch_count", 2)
    page.locator("#txt2img_advanced button").first.click()
    page.locator("#txt2img_clip_skip input").fill("2")
    page.locator("#txt2img_clip_skip input").press("Tab")

    page.locator("#txt2img_generate").click()
    expect(page.locator("#txt2img_interrupt")).to_be_visible()
    expect(page.locator(".easel-stage.has-live")).to_be_visible()
    page.reload()
    drawing.ready(page)
    expect(prompt_of(page)).to_have_value("a (cat:1.2), [sky|sea]")
    mine = recipes(page, "a (cat:1.2), [sky|sea]", 3)  # two pictures and their grid
    finished(page)

    thumb(page, mine[-1]).click()
    first = download(page, tmp_path, "first.png")
    with Image.open(first) as image:
        recipe = image.info["parameters"]
        assert image.size == (96, 64)
    assert recipe.startswith("a (cat:1.2), [sky|sea]\nNegative prompt: dog\nSteps: 16,")
    assert "CFG scale: 5.5" in recipe
    assert "Clip skip: 2" in recipe
    seed = re.search(r"Seed: (\d+)", recipe).group(1)

    for again in visiting(chromium, drawing_server):
        fresh = again.page
        expect(prompt_of(fresh)).to_have_value("")
        drop(fresh, first)
        expect(prompt_of(fresh)).to_have_value("a (cat:1.2), [sky|sea]")
        expect(fresh.locator("#txt2img_seed input")).to_have_value(seed)
        expect(fresh.locator("#txt2img_steps input").first).to_have_value("16")
        expect(fresh.locator("#txt2img_width input").first).to_have_value("96")
        fresh.keyboard.press("Control+Enter")
        recipes(fresh, "a (cat:1.2), [sky|sea]", 4)
        finished(fresh)
        second = download(fresh, tmp_path, "second.png")
    with Image.open(first) as one, Image.open(second) as two:
        assert ImageChops.difference(one, two).getbbox() is None
        assert one.info["parameters"] == two.info["parameters"]


def test_a_checkpoint_dropped_in_is_found_and_drawn_with(drawing, drawing_server):
    page = drawing.page
    folder = drawing_server.app.paths.checkpoints
    for suffix in ("safetensors", "yaml"):
        shutil.copy(folder / f"tiny.{suffix}", folder / f"second.{suffix}")
    page.locator("#refresh_sd_model_checkpoint").click()
    expect(page.get_by_text("2 checkpoints found.")).to_be_visible()
    menu = page.locator("#setting_sd_model_checkpoint input")
    menu.click()
    page.locator('[role="option"]', has_text="second.safetensors").click()
    prompt_of(page).fill("another model")
    for name, value in (("steps", 2), ("width", 64), ("height", 64)):
        set_number(page, name, value)
    page.locator("#txt2img_generate").click()
    recipes(page, "another model", 1)
    finished(page)
    expect(page.locator(".easel-recipe")).to_contain_text("Model: second")


def test_a_second_tab_shows_the_running_job_and_may_end_it(visit):
    page = visit.page
    prompt_of(page).fill("seen twice")
    set_number(page, "steps", 150)
    set_number(page, "batch_count", 50)  # as long as it takes; the other tab ends it
    page.locator("#txt2img_generate").click()
    expect(page.locator("easel-results .easel-line")).to_contain_text("Step")

    other = visit.tab()
    expect(other.locator("easel-results .easel-line")).to_contain_text("Step")
    expect(prompt_of(other)).to_have_value("seen twice")
    assert re.match(r"\[\d+% ETA: .+\] Easel", other.title())
    other.keyboard.press("Escape")
    finished(other)
    page.bring_to_front()
    finished(page)
    expect(page.locator("#txt2img_generate")).to_be_visible()
    assert page.title() == "Easel"


def test_what_is_wrong_is_said_and_nothing_is_lost(visit):
    page = visit.page
    prompt_of(page).fill("kept")
    page.locator("#txt2img_seed input").fill("twelve")
    page.locator("#txt2img_generate").click()
    expect(page.get_by_text("Seed must be a whole number")).to_be_visible()
    expect(page.locator("#txt2img_generate")).to_be_visible()
    expect(prompt_of(page)).to_have_value("kept")
    expect(page.locator("#txt2img_seed input")).to_have_value("twelve")
    page.locator("#txt2img_random_seed").click()
    expect(page.locator("#txt2img_seed input")).to_have_value("-1")
    set_number(page, "steps", 2)
    page.locator("#txt2img_generate").click()
    recipes(page, "kept", 1)


def test_a_server_out_of_reach_costs_nothing(visit):
    page = visit.page
    prompt_of(page).fill("patience")
    visit.context.set_offline(True)
    expect(page.locator(".easel-line")).to_contain_text("does not answer")
    page.locator("#txt2img_generate").click()
    expect(page.get_by_text("Nothing was lost")).to_be_visible()
    visit.context.set_offline(False)
    page.wait_for_function("window.easel.state.online")
    expect(prompt_of(page)).to_have_value("patience")
    set_number(page, "steps", 2)
    page.locator("#txt2img_generate").click()
    recipes(page, "patience", 1)


def test_many_windows_do_not_starve_each_other(visit):
    windows = [visit.tab() for _ in range(6)]
    last = windows[-1]
    prompt_of(last).fill("the seventh window")
    set_number(last, "steps", 2)
    last.locator("#txt2img_generate").click()
    (drawn,) = recipes(last, "the seventh window", 1)
    expect(thumb(last, drawn)).to_be_visible()
    expect(last.get_by_text("the seventh window").first).to_be_visible()  # its recipe
    recipes(windows[0], "the seventh window", 1)
    expect(thumb(windows[0], drawn)).to_be_visible()


def test_jobs_queue_up_and_leave_the_queue(visit):
    page = visit.page
    prompt_of(page).fill("first")
    set_number(page, "steps", 100)
    set_number(page, "batch_count", 50)  # as long as it takes; it is interrupted below
    page.locator("#txt2img_generate").click()
    expect(page.locator("easel-results .easel-line")).to_contain_text("Step")
    prompt_of(page).fill("second")
    page.locator("#txt2img_enqueue").click()
    expect(page.locator(".easel-queue")).to_contain_text("1 waiting")
    page.locator(".easel-queue button").click()
    expect(page.locator(".easel-queue .waiting")).to_have_count(0)
    page.locator("#txt2img_interrupt").click()
    finished(page)


def test_examples_sizes_swap_seed_and_draft(visit):
    page = visit.page
    page.locator("easel-examples .chip").first.click()
    expect(prompt_of(page)).to_have_value("a plain colour")
    page.locator("easel-sizes .chip", has_text="16:9").click()
    width = page.locator("#txt2img_width input").first
    height = page.locator("#txt2img_height input").first
    expect(width).to_have_value("88")
    page.locator("#txt2img_res_switch_btn").click()
    expect(height).to_have_value("88")
    page.locator("#txt2img_seed input").fill("9007199254740995")
    page.locator("#txt2img_seed input").press("Tab")
    page.wait_for_function("JSON.stringify({...localStorage}).includes('9007199254740995')")
    page.reload()
    visit.ready(page)
    expect(prompt_of(page)).to_have_value("a plain colour")
    expect(height).to_have_value("88")
    expect(page.locator("#txt2img_seed input")).to_have_value("9007199254740995")


def test_keys_weigh_words_and_counters_count(visit):
    page = visit.page
    prompt_of(page).fill("a red house")
    expect(page.locator("#txt2img_token_counter")).to_have_text("3/75")
    prompt_of(page).evaluate("area => area.setSelectionRange(3, 3)")
    prompt_of(page).press("Control+ArrowUp")
    expect(prompt_of(page)).to_have_value("a (red:1.1) house")
    prompt_of(page).press("Control+ArrowUp")
    expect(prompt_of(page)).to_have_value("a (red:1.2) house")
    for _ in range(2):
        prompt_of(page).press("Control+ArrowDown")
    expect(prompt_of(page)).to_have_value("a red house")
    prompt_of(page).fill("a (red house")
    expect(page.locator("#txt2img_token_counter.wrong")).to_be_visible()


def test_a_recipe_pasted_into_the_prompt_is_applied(visit):
    page = visit.page
    prompt_of(page).fill(
        "a boat\nNegative prompt: fog\nSteps: 33, Sampler: Euler a, CFG scale: 4, Seed: 77, "
        "Size: 128x96, Clip skip: 2, Variation seed: 5, Variation seed strength: 0.3"
    )
    page.locator("#paste").click()
    expect(prompt_of(page)).to_have_value("a boat")
    expect(page.locator("#txt2img_neg_prompt textarea")).to_have_value("fog")
    expect(page.locator("#txt2img_steps input").first).to_have_value("33")
    expect(page.locator("#txt2img_sampling input")).to_have_value("Euler a")
    expect(page.locator("#txt2img_seed input")).to_have_value("77")
    expect(page.locator("#txt2img_subseed input")).to_have_value("5")
    expect(page.locator("#txt2img_subseed_show input")).to_be_checked()


def test_settings_are_found_changed_and_kept(visit, page_server):
    page = visit.page
    page.locator("#tab_settings-button").click()
    page.locator("#settings_search").fill("quality")
    box = page.locator("#setting_jpeg_quality")
    box.fill("91")
    page.locator("#settings_submit").click()
    expect(page.get_by_text("1 setting changed: jpeg_quality")).to_be_visible()
    assert page_server.client.get("/sdapi/v1/options").json()["jpeg_quality"] == 91


def test_history_and_the_large_view_work_by_keyboard(visit):
    page = visit.page
    prompt_of(page).fill("to look at")
    set_number(page, "steps", 2)
    set_number(page, "batch_count", 2)
    page.locator("#txt2img_generate").click()
    recipes(page, "to look at", 3)  # with their grid
    finished(page)
    page.locator("#tab_history-button").click()
    page.get_by_label("Search pictures").fill("to look at")
    expect(page.locator("easel-history .count")).to_have_text("3 pictures")
    page.locator("easel-history .tile button.picture").first.press("Enter")
    count = page.locator("#lightboxModal .count")
    expect(count).to_contain_text("1 of 3")
    page.keyboard.press("ArrowRight")
    expect(count).to_contain_text("2 of 3")
    page.keyboard.press("Escape")
    expect(page.locator("#lightboxModal")).not_to_be_visible()


def test_the_phone_needs_no_sideways_scrolling(chromium, page_server):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    for seen in visiting(chromium, page_server, **phone):
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        order = [
            seen.page.locator(name).bounding_box()["y"]
            for name in ("#txt2img_generate", ".easel-stage", "#txt2img_sampling")
        ]
        assert order == sorted(order)


def test_every_control_has_a_name_for_screen_readers(visit):
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll("input, textarea, select, button")]
            .filter((control) => control.offsetParent && control.type !== "file")
            .filter((control) => !(control.labels?.length || control.textContent.trim()
                || control.getAttribute("aria-label") || control.title))
            .map((control) => control.outerHTML.slice(0, 160))"""
    )
    assert nameless == []
