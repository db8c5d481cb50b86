"""The Script menu in a real Chromium: a plot is chosen, filled in, drawn, and brought back."""

import pytest
from playwright.sync_api import expect

from tests.ui.visit import finished, prompt_of, set_number, thumb, visiting

pytestmark = pytest.mark.browser

FIELD = "#script_txt2img_xyz_plot_{}_input"


@pytest.fixture
def visit(chromium, page_server):
    yield from visiting(chromium, page_server)


def test_a_plot_is_filled_in_drawn_and_brought_back_from_its_table(visit, page_server):
    page = visit.page
    prompt_of(page).fill("a plotted cat")
    for name, value in (("steps", 1), ("width", 64), ("height", 64)):
        set_number(page, name, value)
    menu = page.locator("#txt2img_script_list")
    menu.select_option("X/Y/Z plot")
    page.select_option(FIELD.format("x_type"), "RNG source")
    page.get_by_role("button", name="All values").first.click()
    expect(page.locator(FIELD.format("x_values"))).to_have_value("GPU,CPU,NV")
    page.get_by_role("button", name="Swap X/Y").click()
    expect(page.locator(FIELD.format("y_values"))).to_have_value("GPU,CPU,NV")
    page.select_option(FIELD.format("x_type"), "Seed")
    page.fill(FIELD.format("x_values"), "7-8")

    page.locator("#txt2img_generate").click()
    expect(page.locator("#txt2img_interrupt")).to_be_visible()
    finished(page)
    app = page_server.app
    (job,) = app.jobs(1)
    kinds = [image.kind for image in job.images]
    assert kinds == ["cell"] * 6 + ["grid"]
    assert [cell.task.seeds.seed for cell in app.jobs(parent=job.id)] == [8, 7] * 3

    menu.select_option("None")
    thumb(page, {"id": job.images[-1].id}).click()
    page.locator("#txt2img_reuse").click()
    expect(menu).to_have_value("X/Y/Z plot")
    expect(page.locator(FIELD.format("x_values"))).to_have_value("7-8")
