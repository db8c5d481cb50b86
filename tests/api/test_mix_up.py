"""Several programs at once, three models, options that change: everybody gets their own."""

from contextlib import closing

import pytest

from benchmarks.mix_up import mixed, serving
from tests.conftest import GOLDEN


@pytest.mark.slow
def test_nobody_gets_another_ones_picture():
    checkpoint = GOLDEN / "data" / "Stable-diffusion" / "tiny.safetensors"
    with closing(serving(checkpoint)) as running:
        report = mixed(next(running), clients=4, jobs=4)
    assert report.whole, "\n".join([*report.mixed, *report.failed])
    assert report.jobs == 16
