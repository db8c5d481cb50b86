"""Second passes, scripts and the queue, as people use them on the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.visit import finished, prompt_of, recipes, set_number, thumb, visiting

pytestmark = pytest.mark.browser

LONG = 150
"""Steps that take longer than any look at the queue."""


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


def test_a_second_pass_says_its_size_and_a_finished_picture_gets_one_of_its_own(visit):
    page = visit.page
    prompt_of(page).fill("drawn twice")
    for name, value in (("steps", 2), ("width", 96), ("height", 64)):
        set_number(page, name, value)
    page.locator("#txt2img_generate").click()
    (small,) = recipes(page, "drawn twice", 1)
    assert "Hires" not in small["infotext"]
    tick = page.get_by_label("Hires. fix")
    tick.check()
    set_number(page, "hr_scale", 1.5)
    expect(page.locator("#txtimg_hr_finalres")).to_have_text("from 96×64 to 144×96")
    set_number(page, "hr_resize_y", 128)
    expect(page.locator("#txtimg_hr_finalres")).to_have_text("from 96×64 to 192×128")
    tick.uncheck()
    finished(page)
    thumb(page, small).click()
    page.locator("#txt2img_upscale").click()
    large, _ = recipes(page, "drawn twice", 2)
    assert (
        "Hires resize: 0x128" in large["infotext"] and f"Seed: {small['seed']}" in large["infotext"]
    )
    finished(page)
    prompt_of(page).fill("")
    thumb(page, large).click()
    page.locator("#txt2img_reuse").click()
    expect(prompt_of(page)).to_have_value("drawn twice")
    expect(tick).to_be_checked()
    thumb(page, small).click()
    page.locator("#txt2img_reuse").click()
    expect(tick).not_to_be_checked()


def test_a_script_and_advanced_values_survive_a_reload(visit):
    page = visit.page
    page.locator("#tab_img2img-button").click()
    page.get_by_label("Script", exact=True).last.select_option("Loopback")
    loops = page.locator("#script_img2img_loopback_loops input")
    loops.fill("7")
    loops.press("Tab")
    page.locator("#img2img_advanced button").first.click()
    page.locator("#img2img_clip_skip input").fill("3")
    page.locator("#img2img_clip_skip input").press("Tab")
    page.wait_for_function(
        "sessionStorage.getItem('easel.draft.img2img').includes('clip_skip\\\\\":3')"
    )
    page.reload()
    visit.ready(page)
    page.locator("#tab_img2img-button").click()
    expect(loops).to_have_value("7")
    page.locator("#img2img_advanced button").first.click()
    expect(page.locator("#img2img_clip_skip input")).to_have_value("3")


def test_waiting_jobs_are_moved_changed_held_and_taken_out(visit, page_server):
    page = visit.page
    set_number(page, "steps", LONG)
    set_number(page, "batch_count", 50)
    for number, button in enumerate(("generate", "enqueue", "enqueue")):
        prompt_of(page).fill(f"queued {number}")
        page.locator(f"#txt2img_{button}").click()
        page.wait_for_function("n => window.easel.state.waitingCount === n", arg=number)
    page.locator("#easel_queue_button").click()
    queue = page.locator("#easel_queue")
    waiting = queue.locator("section", has_text="Waiting").locator("li")
    expect(waiting.locator("b")).to_have_text(["queued 1", "queued 2"])
    waiting.nth(1).get_by_title("Earlier").click()
    expect(waiting.locator("b")).to_have_text(["queued 2", "queued 1"])
    waiting.nth(0).get_by_title("Edit").click()
    change = page.get_by_role("dialog", name="Change the job")
    change.get_by_label("Prompt", exact=True).fill("queued and changed")
    change.get_by_label("Width").fill("128")
    change.get_by_role("button", name="Change").click()
    expect(waiting.locator("b").first).to_have_text("queued and changed")
    job = page_server.app.queue.waiting()[0]
    assert page_server.app.snapshot(job).task.size.width == 128
    waiting.nth(1).get_by_title("Hold back").click()
    expect(waiting.nth(1)).to_have_class(re.compile("held"))
    waiting.nth(0).get_by_title("Take out").click()
    expect(waiting.locator("b")).to_have_text(["queued 1"])
    queue.get_by_title("Stop all jobs").click()
    expect(waiting).to_have_count(0)
    finished(page)


def test_generating_for_ever_ends_when_it_is_cancelled(visit, page_server):
    page = visit.page
    prompt_of(page).fill("for ever")
    set_number(page, "steps", 4)
    page.locator("#txt2img_generate").click(button="right")
    page.get_by_role("menuitem", name="Generate forever", exact=True).click()
    page.wait_for_function(
        "() => window.easel.state.images.filter("
        "(one) => one.infotext.startsWith('for ever')).length > 1"
    )
    page.locator("#txt2img_interrupt").click(button="right")
    page.get_by_role("menuitem", name="Cancel generate forever").click()
    expect(page.get_by_text("The running job is the last.")).to_be_visible()
    finished(page)
    assert page_server.app.jobs(1)[0].forever is False
