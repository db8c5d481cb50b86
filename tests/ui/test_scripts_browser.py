"""Functions of the page's scripts that are worth a table of their own, run in a real Chromium."""

import random

import pytest

from modules.schema.hires_size import hires_size
from modules.schema.inputs import Hires
from modules.ui.mount import fingerprint

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def call(chromium, page_server):
    page = chromium.new_page()
    page.goto(page_server.url)  # other addresses may not run scripts

    def run(module, function, *values):
        place = f"/easel/{fingerprint()}/{module}.js"
        script = "async ([place, name, values]) => (await import(place))[name](...values)"
        return page.evaluate(script, [place, function, list(values)])

    yield run
    page.close()


@pytest.mark.parametrize(
    ("before", "direction", "after"),
    [
        ("a |red house", 1, "a (red:1.1) house"),
        ("a |red house", -1, "a (red:0.9) house"),
        ("a (r|ed:1.1) house", 1, "a (red:1.2) house"),
        ("a (r|ed:1.1) house", -1, "a red house"),
        ("a (r|ed) house", 1, "a (red:1.2) house"),
        ("a ((r|ed)) house", 1, "a (red:1.3) house"),
        ("a [r|ed] house", 1, "a red house"),
        ("a [r|ed] house", -1, "a (red:0.8) house"),
        ("a [r|ed:blue:0.5] house", 1, "a [(red:1.1):blue:0.5] house"),
        ("<lora:na|me:0.8>", 1, "<lora:name:0.85>"),
        ("<lora:na|me:0.95>", 1, "<lora:name:1.0>"),
        ("(two wo|rds:1.5)", -1, "(two words:1.4)"),
        ("ende|d", 1, "(ended:1.1)"),
    ],
)
def test_weights_move_by_one_press(call, before, direction, after):
    at = before.index("|", 2 if before.startswith("[") else 0)
    text = before[:at] + before[at + 1 :]
    assert call("prompt", "weigh", text, at, at, direction)[0] == after


def test_a_selection_is_weighed_without_its_last_space_and_stays_selected(call):
    text, start, end = call("prompt", "weigh", "a red house here", 2, 12, 1)
    assert text == "a (red house:1.1) here"
    assert text[start:end] == "red house"


def test_nothing_to_weigh_changes_nothing(call):
    assert call("prompt", "weigh", "a, , b", 3, 3, 1) is None


@pytest.mark.parametrize(
    ("before", "direction", "after"),
    [
        ("a, |b, c", -1, "[b], a, c"),
        ("a, b|, c", 1, "a, c, [b]"),
        ("a,b|,  c", 1, "a,c,  [b]"),
        ("|a, b", -1, None),
        ("a, b|", 1, None),
        ("a, b|\n, c", -1, "[b], a\n, c"),
        ("one|", 1, None),
    ],
)
def test_parts_between_commas_move_by_one_place(call, before, direction, after):
    at = before.index("|")
    moved = call("prompt", "shift", before.replace("|", ""), at, at, direction)
    if moved is not None:
        text, start, end = moved
        moved = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    assert moved == after


def test_a_selection_of_parts_moves_together(call):
    assert call("prompt", "shift", "a, b, c, d", 3, 7, 1) == ["a, d, b, c", 6, 10]


def test_the_page_foretells_the_size_of_a_second_pass_as_the_drawing_computes_it(call):
    dice = random.Random(4)
    for _ in range(60):
        w, h = dice.randrange(64, 2048), dice.randrange(64, 2048)
        x, y = dice.choice([(0, 0), (1024, 0), (0, 1000), (1500, 1100)])
        hires = Hires(scale=dice.randrange(20, 80) / 20, resize_x=x, resize_y=y)
        size = hires_size(w, h, hires)
        wish = {"scale": hires.scale, "x": x, "y": y}
        expected = [size.width - size.cut_x, size.height - size.cut_y]
        assert call("hires", "hiresSize", w, h, wish) == expected


@pytest.mark.parametrize(
    ("infotext", "tab"),
    [
        ("a cat\nSteps: 20, Sampler: Euler, Denoising strength: 0.7, Hires upscale: 2", "txt2img"),
        ("a cat\nSteps: 20, Sampler: Euler, Denoising strength: 0.7, Mask blur: 4", "img2img"),
        ("Denoising strength: 1 as a prompt\nSteps: 20, Sampler: Euler, Size: 64x64", "txt2img"),
        ("Steps: 20, Sampler: Euler, Denoising strength: 0.7, Hires resize: 0x512", "txt2img"),
    ],
)
def test_a_recipe_goes_to_the_tab_it_is_of(call, infotext, tab):
    assert call("recipes", "tabOf", infotext) == tab


def test_prompts_are_taken_from_a_recipe(call):
    text = "a cat,\nin a hat\nNegative prompt: dog\nSteps: 21, Sampler: Euler"
    assert call("recipes", "promptsOf", text) == {
        "prompt": "a cat,\nin a hat",
        "negative_prompt": "dog",
        "sampling.steps": 21,
    }
    assert call("recipes", "promptsOf", "Steps: 3, Seed: 1")["prompt"] == ""
    assert call("recipes", "promptsOf", "only words") is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(a) [b] {c}", ""),
        (r"\( a", ""),
        ("(a", "never closed"),
        ("a)", "closes nothing"),
        ("([a)]", "closes nothing"),
    ],
)
def test_unbalanced_brackets_are_named(call, text, wrong):
    assert wrong in call("prompt", "unbalanced", text)
    assert bool(call("prompt", "unbalanced", text)) == bool(wrong)


@pytest.mark.parametrize(
    ("native", "shape", "size"),
    [
        ([512, 512], (1, 1), [512, 512]),
        ([512, 512], (3, 2), [624, 416]),
        ([512, 512], (16, 9), [680, 384]),
        ([128, 128], (9, 16), [96, 168]),
        ([768, 512], (1, 1), [768, 512]),
    ],
)
def test_sizes_keep_the_models_area(call, native, shape, size):
    assert call("presets", "sizeFor", native, *shape) == size


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (12, "12s"), (90, "01:30"), (3723, "1:02:03")]
)
def test_durations_read_like_a_clock(call, seconds, text):
    assert call("dom", "duration", seconds) == text
