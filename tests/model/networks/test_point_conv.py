"""1 x 1 convolutions that do not depend on the number of threads."""

from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from modules.model.networks.point_conv import PointConv


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("side", [1, 2, 9, 32])
def test_the_result_is_the_library_s_on_one_thread(side: int) -> None:
    torch.manual_seed(0)
    layer, x = PointConv(48, 32), torch.randn(2, 48, side, side)
    with torch.no_grad():
        torch.set_num_threads(1)
        alone = functional.conv2d(x, layer.weight, layer.bias)
        torch.set_num_threads(2)
        assert torch.allclose(layer(x), alone, atol=1e-5)
        together = layer(x)
        torch.set_num_threads(1)
        assert torch.equal(layer(x), together)


def test_half_precision_takes_the_usual_way() -> None:
    layer = PointConv(8, 4).to(torch.bfloat16)
    assert layer(torch.randn(1, 8, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_learning_and_drawing_compute_the_same() -> None:
    layer, x = PointConv(24, 16), torch.randn(3, 24, 7, 5)
    learning = layer(x)
    with torch.no_grad():
        assert torch.equal(layer(x), learning)
    learning.sum().backward()
    assert layer.weight.grad is not None
