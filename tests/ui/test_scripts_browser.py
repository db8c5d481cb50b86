"""Functions of the page's scripts that are worth a table of their own, run in a real Chromium."""

import pytest

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
