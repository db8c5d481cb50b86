"""What README and manual say of speed is what was measured."""

import pytest

from benchmarks.suite.publish import between, kept, pages, summary


def test_the_pages_show_the_figures_that_are_kept():
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: --publish writes it anew"


def test_ratios_come_first_and_what_is_missing_is_left_out():
    about, figures = kept()
    rows = [line for line in summary(about, figures) if line.startswith("| ")]
    assert "Times as fast" in rows[1]
    ratio = next(one for one in figures if one.name == "times as fast as diffusers")
    shorter = list(summary(about, [one for one in figures if one.part != ratio.part]))
    assert len(shorter) < len(rows) + 3


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="has no <!-- figures -->"):
        between("a page", "text")
