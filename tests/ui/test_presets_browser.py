"""What a checkpoint likes, on the page: values go along with the choice, unless chosen by hand."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from modules.engine.fake import FAKE_CHECKPOINT, FakeEngine
from modules.schema.catalogue import Catalogue
from tests.conftest import serve
from tests.ui.conftest import with_page
from tests.ui.visit import set_number, visiting

pytestmark = pytest.mark.browser

USUAL = (("sampling.sampler", "Euler"), ("sampling.steps", 4), ("sampling.cfg_scale", 1.0))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    other = replace(
        FAKE_CHECKPOINT, title="fast.gguf", name="fast.gguf", stem="fast", sha256="", usual=USUAL
    )
    known = Catalogue(checkpoints=(FAKE_CHECKPOINT, other))
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
