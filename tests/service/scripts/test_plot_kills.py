"""A killed plot goes on and becomes the same; `python -m benchmarks plots` does 100 cells."""

import pytest

from benchmarks.plots import kill_and_compare


@pytest.mark.slow
def test_a_killed_plot_becomes_the_same_table(tmp_path):
    report = kill_and_compare(1, (3, 2, 2), tmp_path)
    assert not report.faults, report
    assert report.kills == 1
