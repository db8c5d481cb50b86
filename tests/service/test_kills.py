"""Random kills of server and drawing process lose and double nothing.

A few here; `python -m benchmarks kills` does as many as asked for.
"""

import pytest

from benchmarks.kills import kill_and_look


@pytest.mark.slow
def test_random_kills_lose_and_double_nothing(tmp_path):
    report = kill_and_look(8, tmp_path)
    print(report)
    assert report.whole, report
