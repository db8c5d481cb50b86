"""Pictures brought to the page: what they are for, what they say, whether they come out again."""

import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from tests.ui.visit import drop, prompt_of, visiting

pytestmark = pytest.mark.browser

SWARM = {"prompt": "a fox", "seed": 7, "steps": 9, "width": 64, "height": 64, "refinermethod": "x"}


@pytest.fixture
def visit(chromium, page_server):
    """Somebody at the page."""
    yield from visiting(chromium, page_server)


@pytest.fixture
def picture(tmp_path):
    """A picture of another program."""
    info = PngInfo()
    info.add_text("parameters", json.dumps({"sui_image_params": SWARM}))
    coarse = np.random.default_rng(1).integers(40, 210, (32, 32, 3), np.uint8)
    path = tmp_path / "fox.png"
    Image.fromarray(coarse).resize((256, 256)).save(path, pnginfo=info)
    return path


def test_a_dropped_picture_is_used_as_one_says(visit, picture):
    page = visit.page
    steps = page.locator("#txt2img_steps input").first
    before = steps.input_value()
    drop(page, picture, "prompt")
    expect(prompt_of(page)).to_have_value("a fox")
    expect(steps).to_have_value(before)
    drop(page, picture, "all")
    expect(steps).to_have_value("9")
    expect(page.locator(".easel-toasts")).to_contain_text("refinermethod: x")
    drop(page, picture, "image")
    expect(page.locator("#img2img_page")).to_be_visible()


def test_png_info_tells_the_program_verifies_and_looks_for_the_watermark(visit, picture):
    page = visit.page
    page.locator("#tab_pnginfo-button").click()
    page.locator("#pnginfo_image input").set_input_files(picture)
    expect(page.locator("#pnginfo_unmapped")).to_have_text("refinermethod: x")
    expect(page.locator("easel-pnginfo .answer")).to_contain_text("written by SwarmUI")
    page.locator("#pnginfo_watermark").click()
    expect(page.locator("#pnginfo_found")).to_contain_text("was not found")
    page.locator("#pnginfo_contents").click()
    expect(page.locator("#pnginfo_found .easel-contents")).to_contain_text("PNG tEXt parameters")
    page.locator("#pnginfo_verify").click()
    expect(page.locator("#pnginfo_found .causes")).to_contain_text("Drawn by SwarmUI")
