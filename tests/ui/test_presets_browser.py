"""What a checkpoint likes, on the page: values go along with the choice, unless chosen by hand."""

from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import expect

from modules.engine.fake import FAKE_CHECKPOINT, FakeEngine
from modules.schema.catalogue import Catalogue
from tests.conftest import serve
from tests.ui.conftest import with_page
from tests.ui.visit import open_tab, set_number, visiting

pytestmark = pytest.mark.browser

USUAL = (("sampling.sampler", "Euler"), ("sampling.steps", 4), ("sampling.cfg_scale", 1.0))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    other = replace(
        FAKE_CHECKPOINT, title="fast.gguf", name="fast.gguf", stem="fast", sha256="", usual=USUAL
    )
    deep = replace(FAKE_CHECKPOINT, title="deep.ckpt", name="deep.ckpt", sha256="", reads="depth")
    known = Catalogue(checkpoints=(FAKE_CHECKPOINT, other, deep))
    yield from serve(
        tmp_path_factory.mktemp("presets"), FakeEngine(catalogue=known), make=with_page
    )


@pytest.fixture
def visit(chromium, place):
    yield from visiting(chromium, place)


def choose(page, name):
    page.locator("#setting_sd_model_checkpoint input").click()
    page.get_by_test_id("dropdown-option").filter(has_text=name).click()


def test_steps_and_guidance_go_along_unless_chosen_by_hand(visit):
    page = visit.page
    steps, scale = (page.locator(f"#txt2img_{name} input").first for name in ("steps", "cfg_scale"))
    sampler = page.locator("#txt2img_sampling input")
    usually = sampler.input_value()
    expect(steps).to_have_value("20")
    choose(page, "fast")
    expect(steps).to_have_value("4")
    expect(scale).to_have_value("1")
    expect(sampler).to_have_value("Euler")
    choose(page, "fake")
    expect(steps).to_have_value("20")
    expect(sampler).to_have_value(usually)
    set_number(page, "steps", 11)
    choose(page, "fast")
    expect(scale).to_have_value("1")
    expect(steps).to_have_value("11")


def test_a_depth_map_is_asked_for_where_the_model_wants_one(visit, place, tmp_path):
    page, path = visit.page, tmp_path / "depth.png"
    Image.new("L", (40, 24), 77).save(path)
    open_tab(page, "img2img")
    chosen = page.locator("easel-source").get_by_role("button", name="Depth map")
    page.evaluate("document.querySelector('easel-source').canvas.ready")
    expect(chosen).to_be_hidden()
    choose(page, "deep")
    expect(chosen).to_be_visible()
    page.evaluate(
        """async () => {
            const plain = new OffscreenCanvas(64, 64);
            plain.getContext("2d").fillRect(0, 0, 64, 64);
            const picture = await plain.convertToBlob();
            await document.querySelector("easel-source").canvas.setBase(picture);
        }"""
    )
    page.locator("#img2img_depth").set_input_files(path)
    named = page.locator("easel-source").get_by_role("button", name="depth.png")
    expect(named).to_have_attribute("aria-pressed", "true")
    page.locator("#img2img_generate").click()
    page.wait_for_function("window.easel.state.images.length > 0")
    task = place.app.queue.find(place.app.jobs()[0].id).task
    assert task.img2img.depth.data[:3] == b"MMM"
    named.click()
    expect(chosen).to_be_visible()
