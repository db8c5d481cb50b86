"""Token merging: what is merged, what comes back, and that nothing stays behind."""

import pytest
import torch

from modules.model.networks.unet import UNet
from modules.model.token_merging import merged_tokens, merging_of
from tests.model.tiny import UNET, random_network


def tokens(count, seed=1):
    return torch.randn(2, count, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (2, 3), (8, 6)])
def test_as_many_tokens_come_back_and_those_left_alone_are_unchanged(height, width):
    x = tokens(height * width)
    merging = merging_of(x, height, width, 0.5)
    count = min(int(height * width * 0.5), height * width - (height // 2) * (width // 2))
    assert merging.merge(x).shape == (2, height * width - count, 8)
    back = merging.unmerge(merging.merge(x))
    assert back.shape == x.shape
    same = (back == x).all(dim=-1)
    assert same.sum(dim=-1).min() >= height * width - 2 * count


def test_twins_are_merged_first_and_nothing_is_lost_by_it():
    x = tokens(16)
    x[:, 1] = x[:, 0]  # position 0 is a destination, its right neighbour its twin
    merging = merging_of(x, 4, 4, 1 / 16)
    assert merging.merge(x).shape[1] == 15
    assert torch.allclose(merging.unmerge(merging.merge(x)), x)


def test_merged_tokens_are_the_mean_of_all_that_went_into_one():
    x = torch.zeros(1, 4, 2)
    x[0, :, 0] = torch.tensor([1.0, 2.0, 3.0, 6.0])  # all point the same way
    merging = merging_of(x, 2, 2, 0.75)
    assert merging.merge(x).tolist() == [[[3.0, 0.0]]]
    assert merging.unmerge(merging.merge(x))[0, :, 0].tolist() == [3.0] * 4


@torch.no_grad()
def test_a_ratio_of_nought_changes_no_bit_and_no_ratio_stays_behind():
    unet = random_network(UNet(UNET), 1)
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([10.0, 500.0]), torch.randn(2, 5, 16)
    plain = unet(x, t, context)
    with merged_tokens(unet, 0.0, 8, 8):
        assert torch.equal(unet(x, t, context), plain)
    with merged_tokens(unet, 0.5, 8, 8):
        merged = unet(x, t, context)
    assert merged.shape == plain.shape
    assert not torch.equal(merged, plain)
    assert torch.equal(unet(x, t, context), plain)
