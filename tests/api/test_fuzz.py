"""Generated requests to every route: none may break the program."""

import pytest

from benchmarks.api_fuzz import fuzzed

MOST_REQUESTS = 700


@pytest.mark.slow
def test_no_generated_request_breaks_a_route_or_the_worker():
    report = fuzzed(MOST_REQUESTS)
    assert report.whole, "\n".join([str(report), *report.broken, *report.silent])
    assert report.statuses.total() > MOST_REQUESTS / 4
    assert report.statuses[200] > 0
    assert report.statuses[422] > 0
