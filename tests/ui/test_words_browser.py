"""Help with writing prompts, by keyboard, in a real Chromium."""

import pytest
from playwright.sync_api import expect

from tests.ui.visit import finished, prompt_of, set_number, visiting

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, page_server):
    wildcards = page_server.app.paths.wildcards
    wildcards.mkdir(exist_ok=True)
    (wildcards / "colour.txt").write_text("red\ngreen\n")
    yield from visiting(chromium, page_server)


def test_words_are_offered_chosen_by_arrows_and_taken_by_tab(visit):
    page, area = visit.page, prompt_of(visit.page)
    area.press_sequentially("a mushr")
    offers = page.get_by_role("listbox", name="Completions")
    expect(offers.get_by_role("option")).to_have_count(2)
    area.press("ArrowDown")
    area.press("ArrowDown")
    expect(offers.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    expect(area).to_have_attribute("aria-activedescendant", "easel-offer-1")
    area.press("Tab")
    expect(area).to_have_value("a mushrooms ")
    area.fill("mushr")
    area.press_sequentially("o")
    expect(offers).to_be_visible()
    area.press("Tab")
    expect(area).to_have_value("mushroom, ")
    area.press_sequentially("__col")
    expect(offers.get_by_role("option")).to_contain_text(["colour"])
    area.press("Tab")
    expect(area).to_have_value("mushroom, __colour__")
    area.press_sequentially(", sea")
    expect(offers).to_be_visible()
    area.press("Escape")
    expect(offers).to_be_hidden()


def test_brackets_keys_wildcards_and_past_prompts(visit):
    page, area = visit.page, prompt_of(visit.page)
    area.fill("a ball] and <lora:thing:0.5>, x")
    note = page.locator("#txt2img_prompt .bracket-note")
    expect(note).to_have_text('A "]" closes nothing.')
    expect(page.locator("#txt2img_prompt .bracket-mark")).to_be_visible()
    note.click()
    assert (
        area.evaluate("(area) => area.value.slice(area.selectionStart, area.selectionEnd)") == "]"
    )
    area.press("Delete")
    expect(note).to_have_count(0)
    area.evaluate("(area) => area.setSelectionRange(14, 14)")
    area.press("Control+ArrowUp")
    expect(area).to_have_value("a ball and <lora:thing:0.55>, x")

    area.fill("a __colour__ {ball|ball}")
    set_number(page, "steps", 1)
    area.press("Control+Enter")
    page.wait_for_function(
        "window.easel.state.images.some((one) => /^a (red|green) ball\\n/.test(one.infotext))"
    )
    finished(page)
    area.fill("")
    page.locator("#txt2img_past_prompts").click()
    page.get_by_role("dialog", name="Prompts of before").get_by_text("a __colour__").click()
    expect(area).to_have_value("a __colour__ {ball|ball}")

    page.locator("#txt2img_wildcards").click()
    dialog = page.get_by_role("dialog", name="Wildcards")
    dialog.get_by_label("Name").fill("animals/pet")
    dialog.get_by_label("One possibility").fill("a __colour__ cat")
    expect(dialog.locator(".samples li")).to_have_count(5)
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog.get_by_text("animals/pet")).to_be_visible()
    page.keyboard.press("Escape")


def test_skip_interrupt_and_completion_have_keys_that_do_not_get_in_each_others_way(visit):
    page, area = visit.page, prompt_of(visit.page)
    area.fill("keys of a job")
    set_number(page, "steps", 60)
    set_number(page, "batch_count", 3)
    area.press("Control+Enter")
    expect(page.locator("#txt2img_interrupt")).to_be_visible()
    area.press("Alt+Enter")
    page.wait_for_function("window.easel.state.job?.batch >= 1")
    area.press_sequentially(", mush")
    expect(page.get_by_role("listbox", name="Completions")).to_be_visible()
    area.press("Escape")
    expect(page.get_by_role("listbox", name="Completions")).to_be_hidden()
    expect(page.locator("#txt2img_interrupt")).to_be_visible()
    area.press("Escape")
    finished(page)


def test_a_plot_opens_to_zoom_through(visit, page_server):
    script = {"name": "X/Y/Z plot", "args": {"x_type": "Steps", "x_values": "1,2,3"}}
    size = {"width": 16, "height": 16}
    body = {"request": {"prompt": "a plot", "script": script, "size": size, "seeds": {"seed": 1}}}
    job = page_server.finished(page_server.client.post("/api/v1/jobs", json=body).json()["id"])
    grid = next(image for image in job["images"] if image["kind"] == "grid")
    tab = visit.context.new_page()
    tab.goto(f"{page_server.url}/api/v1/images/{grid['id']}/plot.html")
    expect(tab.locator("thead th")).to_have_text(["", "Steps: 1", "Steps: 2", "Steps: 3"])
    tab.locator("td button").nth(1).hover()
    expect(tab.locator("footer")).to_contain_text("Steps: 2, Sampler")
    tab.locator("td button").nth(1).click()
    expect(tab.get_by_role("dialog")).to_contain_text("Steps: 2")
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_role("dialog")).to_contain_text("Steps: 3")
    assert tab.evaluate("document.querySelector('td img').naturalWidth") == 16


def test_wanted_settings_stand_above_the_advanced_ones_and_count(visit, page_server):
    options = {"quicksettings_list": ["sd_model_checkpoint", "CLIP_stop_at_last_layers"]}
    page_server.client.post("/sdapi/v1/options", json=options)
    page = visit.page
    page.reload()
    visit.ready(page)
    skip = page.locator("easel-quick[tab=txt2img]").get_by_label("Clip skip")
    skip.fill("2")
    skip.press("Tab")
    prompt_of(page).fill("quick settings")
    set_number(page, "steps", 1)
    page.locator("#txt2img_generate").click()
    page.wait_for_function(
        "window.easel.state.images.some(({ infotext }) =>"
        " /^quick settings\\n.*Clip skip: 2/.test(infotext))"
    )
    page_server.client.post(
        "/sdapi/v1/options", json={"quicksettings_list": ["sd_model_checkpoint"]}
    )
