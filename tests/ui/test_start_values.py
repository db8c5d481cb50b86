"""What the page begins with, from A1111's `ui-config.json`."""

import json

import pytest

from modules.engine.fake import FakeEngine
from modules.service.app import build_app
from modules.settings.launch import Launch
from modules.ui.app import build_page
from modules.ui.start_values import OF_TAB, read_start_values
from tests.ui.conftest import in_a_loop

CHANGED = {
    "txt2img/Sampling steps/value": 28,
    "txt2img/Sampling steps/maximum": 150,
    "txt2img/CFG Scale/value": 5.5,
    "txt2img/Width/value": 768,
    "txt2img/Negative prompt/value": "blurry",
    "txt2img/Hires. fix/value": False,
    "txt2img/Upscale by/value": 1.5,
    "customscript/sampler.py/txt2img/Sampling method/value": "DPM++ SDE Karras",
    "customscript/seed.py/txt2img/Seed/value": 7,
    "customscript/xyz_grid.py/txt2img/X type/value": "Steps",
    "img2img/Denoising strength/value": 0.4,
    "img2img/Masked content/value": "fill",
    "extras/Resize/value": 3,
    "webui/Tabs@tabs/selected": None,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ui-config.json"


def read(path, values):
    path.write_text(json.dumps(values), encoding="utf-8")
    return read_start_values(path)


def test_only_what_somebody_changed_counts(path):
    values = {
        f"{tab}/{label}/value": usual
        for tab, labels in OF_TAB.items()
        for label, (_, (usual, *_)) in labels.items()
    }
    found = read(path, values)
    assert found.tab("txt2img") == {}
    assert found.tab("img2img") == {}
    assert (found.unused, found.notices) == ((), ())


def test_values_go_to_the_fields_they_mean(path):
    found = read(path, CHANGED)
    assert found.tab("txt2img") == {
        "sampling.steps": 28,
        "sampling.cfg_scale": 5.5,
        "size.width": 768,
        "negative_prompt": "blurry",
        "hires": False,
        "hires.scale": 1.5,
        "sampling.sampler": "DPM++ SDE",
        "sampling.schedule": "Karras",
        "seeds.seed": 7,
    }
    assert found.tab("img2img") == {
        "img2img.denoising_strength": 0.4,
        "img2img.inpaint.content": "fill",
    }


def test_what_means_nothing_here_is_told_and_the_file_stays_as_it_is(path, caplog):
    with caplog.at_level("INFO"):
        found = read(path, CHANGED)
    assert "extras/Resize/value" in found.unused
    assert "txt2img/Sampling steps/maximum" in found.unused
    assert "customscript/xyz_grid.py/txt2img/X type/value" in caplog.text
    assert json.loads(path.read_text(encoding="utf-8")) == CHANGED


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("txt2img/Sampling steps/value", 0, "Sampling steps"),
        ("txt2img/Sampling steps/value", "many", "a whole number"),
        ("txt2img/Sampling method/value", "Eulr a", "Did you mean 'Euler a'"),
        ("txt2img/Schedule type/value", "Karas", "Karras"),
        ("img2img/Mask mode/value", "Inpaint maskd", "Inpaint masked"),
        ("img2img/Mask blur/value", [1], "must be"),
    ],
)
def test_a_value_that_cannot_be_is_told_and_left_out(path, key, value, words):
    found = read(path, {key: value, "txt2img/CFG Scale/value": 4})
    assert found.tab("txt2img") == {"sampling.cfg_scale": 4}
    [notice] = found.notices
    assert key in notice and words in notice


@pytest.mark.parametrize("text", ["{", "[1]", "\udcff"])
def test_a_broken_file_is_left_alone(path, text):
    content = text.encode("utf-8", "surrogateescape")
    path.write_bytes(content)
    found = read_start_values(path)
    assert found.tab("txt2img") == {}
    assert len(found.notices) == 1
    assert path.read_bytes() == content


def opened(page, draft=""):
    """What the first opening shows on the first form, by element id."""
    [load] = [
        entry
        for entry in page.fns.values()
        if entry.name == "opened" and any(one.elem_id == "txt2img_steps" for one in entry.outputs)
    ]
    shown = load.fn(draft)
    return {one.elem_id: update.get("value") for one, update in shown.items()}


def test_the_page_begins_with_them_until_there_is_a_draft(tmp_path):
    place = tmp_path / "mine.json"
    place.write_text(json.dumps(CHANGED), encoding="utf-8")
    launch = Launch(data_dir=str(tmp_path), ui_config_file=str(place))
    app = build_app(launch.paths(), launch, FakeEngine(step_s=0))
    try:
        page = in_a_loop(lambda: build_page(app))
        first = opened(page)
        assert (first["txt2img_steps"], first["txt2img_width"]) == (28, 768)
        assert (first["txt2img_sampling"], first["txt2img_scheduler"]) == ("DPM++ SDE", "Karras")
        assert (first["txt2img_hr_scale"], first["txt2img_hr-checkbox"]) == (1.5, False)
        later = opened(page, json.dumps({"sampling.steps": 3}))
        assert (later["txt2img_steps"], later["txt2img_width"]) == (3, 768)
    finally:
        app.close()
