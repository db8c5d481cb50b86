"""Text of strangers stays text, wherever the page shows it: sixty payloads in a dozen places."""

import json
from dataclasses import replace
from itertools import product

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.engine.fake import FAKE_CHECKPOINT, FakeEngine
from modules.schema.catalogue import Catalogue
from modules.service.facts import describing, moment_of
from modules.service.job import new_id
from modules.service.picture import BLANK, inserting
from tests.conftest import serve
from tests.service.pictures import recipe, write_picture
from tests.ui.conftest import with_page
from tests.ui.visit import drop, prompt_of, visiting

pytestmark = pytest.mark.browser

RAN = "window.ran=1"
WAYS = (
    f"<script class=payload>{RAN}</script>",
    f"<img class=payload src=x onerror={RAN}>",
    f"<svg class=payload onload={RAN}>",
    f"<svg><animate class=payload onbegin={RAN} attributeName=x dur=1s>",
    f"<iframe class=payload srcdoc='<script>parent.{RAN}</script>'></iframe>",
    f"<iframe class=payload src=javascript:parent.{RAN}></iframe>",
    f"<details class=payload open ontoggle={RAN}>x</details>",
    f"<input class=payload autofocus onfocus={RAN}>",
    f"<video class=payload><source onerror={RAN}></video>",
    f"<audio class=payload src=x onerror={RAN}></audio>",
    f"<body class=payload onload={RAN}>",
    f"<marquee class=payload onstart={RAN}>x</marquee>",
    f"<a class=payload href=javascript:{RAN}>click</a>",
    f"<form class=payload><button formaction=javascript:{RAN}>x</button></form>",
    f"<object class=payload data=javascript:{RAN}></object>",
    f"<math class=payload><mi xlink:href=javascript:{RAN}>x</mi></math>",
    f"<style class=payload onload={RAN}>*{{color:red}}</style>",
    f"<link class=payload rel=stylesheet href=x onerror={RAN}>",
    f'[x](javascript:{RAN}) ![x](x"onerror="{RAN})',
    f"{{{{constructor.constructor('{RAN}')()}}}} ${{{RAN}}}",
)
BEFORE = ("", "\"'>", "</textarea></title></script>-->")
PAYLOADS = tuple(before + way for before, way in product(BEFORE, WAYS))
FOUND = "document.querySelectorAll('.payload').length"


def rows(served):
    """One picture for each payload, with the payload in every text of its recipe and its tag."""
    file = write_picture(served.app.paths.data / "elsewhere" / "a.png", size=(64, 64))
    statements, ids = [], []
    for number, payload in enumerate(PAYLOADS):
        quoted = json.dumps(payload)
        row = {
            "id": new_id(),
            "job": "",
            "position": 0,
            "kind": "image",
            "saved": True,
            "path": str(file),
            "infotext": recipe(payload, negative=payload, model=quoted, sampler=quoted),
            "width": 64,
            "height": 64,
            "seed": number,
            "created": 1.7e9 - number,
            "moment": moment_of(1.7e9 - number, number),
        }
        statements += [inserting(row), *describing({**BLANK, **row})]
        ids.append(row["id"])
    served.app._database.write(*statements)
    return ids


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    data = tmp_path_factory.mktemp("poisoned")
    models = tuple(
        replace(FAKE_CHECKPOINT, title=text, name=text, stem=text, note=text, examples=(text,))
        for text in PAYLOADS
    )
    catalogue = Catalogue(
        checkpoints=(FAKE_CHECKPOINT, *models),
        vaes=PAYLOADS,
        vae_paths=PAYLOADS,
        embeddings=PAYLOADS,
        loras=PAYLOADS,
        problems=PAYLOADS,
    )
    quoted = ('"' + text.replace('"', '""') + '"' for text in PAYLOADS)
    lines = ["name,prompt,negative_prompt", *(f"{text},{text},{text}" for text in quoted)]
    (data / "styles.csv").write_text("\n".join(lines), encoding="utf-8")
    for served in serve(data, FakeEngine(catalogue=catalogue), make=with_page):
        ids = rows(served)
        for one, payload in zip(ids, PAYLOADS, strict=True):
            served.app.collection.mark([one], add=[payload[:60]])
        yield served


@pytest.fixture
def visitor(chromium, poisoned):
    """A page that complains about every payload which became more than text."""
    said = []

    def hear(dialog):
        said.append(dialog.message)
        dialog.dismiss()

    for seen in visiting(chromium, poisoned):
        seen.page.on("dialog", hear)
        yield seen
        assert said == []
        assert seen.page.evaluate("window.ran") is None
        assert seen.page.evaluate(FOUND) == 0


def test_recipes_tags_and_filters_of_the_gallery_are_text(visitor):
    page = visitor.page
    page.locator("#tab_history-button").click()
    expect(page.locator("easel-history .count")).to_have_text(f"{len(PAYLOADS)} pictures")
    tiles = page.locator("easel-history .tile[data-id]")
    expect(tiles.first.locator("figcaption > span")).to_contain_text("<script class=payload>")
    model = page.get_by_label("model", exact=True)
    assert model.locator("option").count() > len(PAYLOADS) / 2
    boxes = page.locator("easel-history .tile .pick")
    boxes.nth(0).check(force=True)
    boxes.nth(1).check(force=True)
    bar = page.get_by_role("toolbar", name="Selected pictures")
    bar.get_by_role("button", name="Compare").click()
    expect(page.locator("dialog.easel-compare tr").first).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(tiles.last).to_be_visible()


def test_dropped_pictures_put_text_into_fields(visitor, tmp_path):
    page = visitor.page
    for number, payload in enumerate(PAYLOADS[::7]):
        info = PngInfo()
        info.add_text("parameters", recipe(payload, negative=payload, model=json.dumps(payload)))
        info.add_text(payload[:70], payload)
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (64, 64)).save(path, pnginfo=info)
        page.locator("#tab_txt2img-button").click()
        drop(page, path)
        expect(prompt_of(page)).to_have_value(payload)
        page.locator("#tab_pnginfo-button").click()
        page.locator("#pnginfo_image input").set_input_files(path)
        expect(page.locator("#pnginfo_generation_info")).to_contain_text(payload[:20])


def test_menus_notices_and_errors_are_text(visitor, poisoned):
    page = visitor.page
    for payload in PAYLOADS[::9]:
        poisoned.app.control.pause(payload)
        expect(page.locator(".easel-standstill")).to_contain_text(payload[-20:])
    poisoned.app.control.resume()
    expect(page.locator(".easel-standstill")).to_be_hidden()
    page.locator("#setting_sd_model_checkpoint input").click()
    expect(page.locator("#setting_sd_model_checkpoint li").first).to_be_visible()
    page.keyboard.press("Escape")
    prompt_of(page).fill(PAYLOADS[1])
    page.locator("#txt2img_generate").click()
    page.wait_for_function("window.easel.state.images.length > 0")


def test_raw_files_and_answers_are_never_shown_as_a_page(poisoned):
    client = poisoned.client
    for route in (
        "/api/v1/models",
        "/api/v1/images",
        "/sdapi/v1/prompt-styles",
        "/sdapi/v1/sd-vae",
    ):
        answer = client.get(route)
        assert "payload" in answer.text
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-content-type-options"] == "nosniff"
