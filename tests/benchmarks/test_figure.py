"""A figure is a median with its spread, and survives the way through a file."""

import pytest

from benchmarks.suite.chart import chart
from benchmarks.suite.figure import Figure, find, rounded
from benchmarks.suite.report import report

ABOUT = {"processor": "An <old> one", "device": "cpu", "torch": "2"}
FIGURES = [
    Figure.of("SD1.5 shape, 256", "times as fast as diffusers", [2.5, 3.0, 2.75], "x", "in turns"),
    Figure.of("SD1.5 shape, 256", "a picture", [4.0, 5.0], "s"),
    Figure.of("SD1.5 shape, 256", "a picture, diffusers", [11.0, 12.0], "s"),
    Figure.of("start-up", "webui.py --help", 0.25, "s"),
    Figure.missing("other programs", "ComfyUI", "there | is none"),
]


def test_a_figure_is_the_median_with_the_least_and_the_most():
    figure = FIGURES[0]
    assert (figure.value, figure.low, figure.high, figure.count) == (2.75, 2.5, 3.0, 3)
    assert figure.text == "2.75 x (2.50 to 3.00)"


def test_a_single_value_has_no_spread():
    assert FIGURES[3].text == "0.250 s"


def test_without_values_there_is_no_figure():
    with pytest.raises(ValueError, match="nothing was measured for 'a step'"):
        Figure.of("x", "a step", [], "s")


def test_figures_survive_json():
    assert [Figure.from_json(figure.as_json()) for figure in FIGURES] == FIGURES


def test_what_was_not_measured_has_a_reason_and_no_value():
    assert FIGURES[-1].text == "not measured"
    assert find(FIGURES, "other programs", "ComfyUI") is None
    assert find(FIGURES, "start-up", "webui.py --help") == 0.25


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.012"),
        (1.256, "1.26"),
        (12.34, "12.3"),
        (-8.0, "-8.00"),
        (1234, "1,234"),
    ],
)
def test_numbers_keep_three_digits_that_count(value, text):
    assert rounded(value) == text


def test_the_table_has_a_section_for_each_part_and_keeps_its_columns():
    text = report(ABOUT, FIGURES)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## SD1.5 shape, 256",
        "## start-up",
        "## other programs",
    ]
    assert "| times as fast as diffusers | 2.75 x | 2.50 to 3.00 (3) | in turns |" in text
    assert "| ComfyUI | not measured | | there \\| is none |" in text


def test_the_chart_is_whole_svg_with_bars_in_proportion():
    from xml.etree import ElementTree

    root = ElementTree.fromstring(chart(ABOUT, FIGURES))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect")]
    words = [text.text for text in root.iter(f"{space}text")]
    assert len(widths) == 4
    assert widths[2] / widths[1] == pytest.approx(11.5 / 4.5, rel=0.01)
    assert "2.75 x" in words
    assert words[0].startswith("An <old> one")
