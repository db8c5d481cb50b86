"""Two hundred random kills of server and drawing process lose and double nothing."""

import pytest

from benchmarks.kills import kill_and_look


@pytest.mark.slow
def test_two_hundred_random_kills_lose_and_double_nothing(tmp_path):
    report = kill_and_look(200, tmp_path)
    print(report)
    assert report.whole, report
