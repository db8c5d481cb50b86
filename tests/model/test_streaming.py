"""Weights arrive as they were, whatever way they take."""

import pytest
import torch

from modules.model.streaming import Road

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(5000,), (64, 33), (16, 32, 3, 3), (1, 4096)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_large_tensors_pass_through_the_buffers_in_pieces(shape, dtype):
    road = Road(CPU, buffer_bytes=1000, pinned=False)
    sent = torch.randn(shape).to(dtype)
    for wanted in (None, torch.bfloat16):
        found = road.send(sent, wanted)
        assert torch.equal(found, sent.to(wanted or dtype))
        assert found.dtype == (wanted or dtype)
        assert found.data_ptr() != sent.data_ptr()


def test_what_lies_in_another_order_keeps_it():
    sent = torch.randn(16, 16, 8, 8).to(memory_format=torch.channels_last)
    found = Road(CPU, pinned=False).send(sent)
    assert torch.equal(found, sent)
    assert found.stride() == sent.stride()


def test_a_second_tensor_does_not_disturb_the_first():
    road = Road(CPU, buffer_bytes=4096, pinned=False)
    tensors = [torch.full((3000,), float(number)) for number in range(5)]
    found = [road.send(one) for one in tensors]
    assert all(torch.equal(one, other) for one, other in zip(tensors, found, strict=True))


@pytest.mark.skipif(torch.cuda.is_available(), reason="here pinned memory works")
def test_without_pinned_memory_weights_take_the_ordinary_way():
    sent = torch.randn(5000)
    assert torch.equal(Road(CPU).send(sent), sent)
