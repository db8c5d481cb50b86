"""Emphasis modes."""

import pytest
import torch

from modules.conditioning.emphasis import EMPHASES

Z = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
WEIGHTS = torch.tensor([[1.0, 1.5]])


def test_original_restores_the_mean():
    weighted = EMPHASES["Original"].weigh(Z, WEIGHTS)
    expected = torch.tensor([[[0.740741, 1.481481], [3.333333, 4.444444]]])
    torch.testing.assert_close(weighted, expected, atol=1e-6, rtol=0)
    assert weighted.mean() == pytest.approx(2.5)


def test_no_norm_only_multiplies():
    assert EMPHASES["No norm"].weigh(Z, WEIGHTS).tolist() == [[[1, 2], [4.5, 6]]]


@pytest.mark.parametrize("name", ["None", "Ignore"])
def test_none_and_ignore_leave_the_encoding(name):
    assert EMPHASES[name].weigh(Z, WEIGHTS) is Z


@pytest.mark.parametrize("name", EMPHASES)
def test_weights_of_one_change_nothing_in_float32(name):
    z = torch.randn(2, 77, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(EMPHASES[name].weigh(z, torch.ones(2, 77)), z)


def test_only_none_leaves_brackets_in_the_text():
    assert [name for name, emphasis in EMPHASES.items() if not emphasis.parses] == ["None"]
