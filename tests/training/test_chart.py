"""Learning curves are drawn from what was kept."""

from xml.etree import ElementTree

import pytest

from modules.training.chart import averaged, hours_of, write_chart
from modules.training.history import History, Line


def lines(count):
    return [Line(step, 100.0 * step, {"loss": 1 / step}) for step in range(1, count + 1)]


def test_there_is_a_panel_for_every_stage_with_a_history(tmp_path):
    assert not write_chart(tmp_path, tmp_path / "chart.svg")
    for stage in ("text", "unet"):
        history = History.beside(tmp_path / f"{stage}.pt")
        for step in range(50, 1001, 50):
            history.add(step, {"loss": 5 / step})
    assert write_chart(tmp_path, tmp_path / "chart.svg")
    root = ElementTree.parse(tmp_path / "chart.svg").getroot()
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert [text.split(",")[0] for text in texts if "steps" in text] == [
        "Text encoder: 1000 steps",
        "U-Net: 1000 steps",
    ]


def test_a_curve_that_falls_goes_down(tmp_path):
    history = History.beside(tmp_path / "unet.pt")
    for step in range(1, 200):
        history.add(step, {"loss": 1 / step})
    write_chart(tmp_path, tmp_path / "chart.svg")
    root = ElementTree.parse(tmp_path / "chart.svg").getroot()
    curve = next(element for element in root.iter() if element.tag.endswith("polyline"))
    heights = [float(point.split(",")[1]) for point in curve.get("points").split()]
    assert heights == sorted(heights) and heights[0] < heights[-1]


def test_averages_keep_the_mean_and_the_last_step():
    points = averaged(lines(100), 10)
    assert len(points) == 10
    assert points[-1][0] == 100
    assert points[0][1] == pytest.approx(sum(1 / step for step in range(1, 11)) / 10)


def test_a_pause_is_no_training():
    known = [Line(1, 0.0, {}), Line(2, 360.0, {}), Line(3, 90_000.0, {}), Line(4, 90_360.0, {})]
    assert hours_of(known) == pytest.approx(0.2)
