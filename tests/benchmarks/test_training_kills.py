"""A training that is killed comes to the same end."""

import pytest

from benchmarks.training_kills import compare


@pytest.mark.slow
def test_a_training_killed_at_random_ends_bit_for_bit_as_one_in_peace(tmp_path):
    verdict = compare(tmp_path, steps=120, kills=1, seed=5, only="text")
    assert verdict.steps == 120
    assert len(verdict.kills) == 1
    assert verdict.loss_gap == verdict.weight_gap == 0
    assert verdict.same_file
