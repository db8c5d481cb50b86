"""ControlNet in a real Chromium: by mouse and by keyboard, over a reload, and on a phone."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from modules.service.read_pixels import read_pixels
from tests.ui.visit import finished, prompt_of, recipes, set_number, thumb, visiting

pytestmark = pytest.mark.browser

BOX = "#txt2img_controlnet"
ID = "#txt2img_controlnet_ControlNet_{}"


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


@pytest.fixture
def phone(chromium, page_server):
    yield from visiting(chromium, page_server, viewport={"width": 390, "height": 844})


@pytest.fixture
def scene(tmp_path):
    """A bright square, as a file."""
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[24:72, 32:96] = (250, 200, 90)
    path = tmp_path / "scene.png"
    Image.fromarray(pixels).save(path)
    return path


def part(page, name):
    return page.locator(ID.format(name))


def opened(page):
    """Open the units with the keyboard and wait for their menus."""
    page.locator(f"{BOX} summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{BOX} .chips button", has_text="Canny").first).to_be_visible()


def with_picture(page, file):
    part(page, "input_image").set_input_files(file)
    expect(page.locator(f"{BOX} .dropzone img")).to_be_visible()
    expect(part(page, "enable_checkbox").locator("input")).to_be_checked()


def test_a_unit_is_filled_previewed_kept_drawn_and_brought_back(visit, page_server, scene):
    page = visit.page
    opened(page)
    with_picture(page, scene)
    expect(page.locator(f"{BOX} .badge")).to_have_text("1 unit")
    page.locator(f"{BOX} .chips button", has_text="Canny").first.click()
    expect(part(page, "preprocessor_dropdown").locator("select")).to_have_value("canny")
    part(page, "trigger_preprocessor").click()
    expect(page.locator(f"{BOX} .control-map figcaption")).to_have_text("Map, 683 × 512")
    part(page, "send_dimen_button").click()
    expect(page.locator("#txt2img_width input").first).to_have_value("128")
    part(page, "preprocessor_dropdown").locator("select").focus()
    part(page, "type_filter_radio").get_by_text("Reference", exact=True).press("Enter")
    set_number(page, "controlnet_ControlNet_control_weight_slider", 0.5)
    part(page, "pixel_perfect_checkbox").locator("input").press("Space")
    page.wait_for_function("() => (localStorage.getItem('easel.draft') ?? '').includes('0.5')")

    page.reload()
    visit.ready(page)
    expect(page.locator(f"{BOX} .badge")).to_have_text("1 unit")
    expect(page.locator(f"{BOX} .dropzone img")).to_be_visible()
    slider = part(page, "control_weight_slider").locator("input[type=number]")
    expect(slider).to_have_value("0.5")
    expect(part(page, "pixel_perfect_checkbox").locator("input")).to_be_checked()

    prompt_of(page).fill("a controlled cat")
    set_number(page, "steps", 1)
    page.locator("#txt2img_generate").click()
    finished(page)
    (image,) = recipes(page, "a controlled cat", 1)
    assert 'ControlNet 0: "Module: reference_only' in image["infotext"]
    (unit,) = page_server.app.queue.find(page_server.app.jobs(1)[0].id).task.control
    assert (unit.weight, unit.pixel_perfect) == (0.5, True)
    assert unit.image == read_pixels(scene.read_bytes())

    part(page, "remove_image").click()
    slider.fill("1.5")
    slider.press("Tab")
    thumb(page, image).click()
    page.locator("#txt2img_reuse").click()
    expect(slider).to_have_value("0.5")
    expect(page.locator(f"{BOX} .dropzone img")).to_be_visible()

    page.locator("#txt2img_send_to_controlnet").click()
    expect(page.locator(f"{BOX} .badge")).to_have_text("2 units")
    second = page.locator("#txt2img_controlnet_tab_1")
    expect(second).to_be_focused()
    expect(part(page, "control_weight_slider").locator("input[type=number]")).to_have_value("1")
    second.press("ArrowLeft")
    expect(page.locator("#txt2img_controlnet_tab_0")).to_have_attribute("aria-selected", "true")
    expect(slider).to_have_value("0.5")


def test_a_drawing_and_its_mask_become_the_unit_s_on_a_phone_too(phone):
    page = phone.page
    opened(page)
    for layer, said in (("Colour", "64 × 64"), ("Mask", "64 × 64, masked")):
        part(page, "open_new_canvas_button").click()
        stage = page.locator("dialog .ec-stage")
        expect(page.locator("dialog .ec-empty")).to_be_hidden()
        page.locator("dialog").get_by_role("button", name=layer, exact=True).click()
        place = stage.bounding_box()
        middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 30, middle[1] + 20, steps=3)
        page.mouse.up()
        page.get_by_role("button", name="Use the drawing").click()
        expect(page.locator(f"{BOX} .control-tools .hint")).to_have_text(said)


def test_a_unit_without_a_model_is_refused_by_name_and_the_phone_has_room(phone, scene):
    page = phone.page
    opened(page)
    with_picture(page, scene)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#txt2img_generate").click()
    expect(page.locator(".easel-toast.error")).to_contain_text("ControlNet unit 0: it has no model")
