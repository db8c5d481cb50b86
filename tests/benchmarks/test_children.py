"""Processes that answer words; and how work is counted."""

import pytest
import torch

from benchmarks.suite.checkpoints import numbers
from benchmarks.suite.children import Child, work_of
from modules.model.networks.unet_config import UNetConfig
from tests.conftest import GOLDEN


def test_the_work_of_stable_diffusions_network_is_the_known_one():
    inputs = [torch.zeros(2, 4, 32, 32), torch.zeros(2), torch.zeros(2, 77, 768), None]
    assert work_of(UNetConfig(), inputs) / 1e12 == pytest.approx(0.360, abs=0.001)


@pytest.mark.slow
def test_the_bare_network_is_called_in_a_process_of_its_own():
    checkpoint = GOLDEN / "data" / "Stable-diffusion" / "tiny.safetensors"
    with Child("network", checkpoint, side=64, calls=2) as child:
        assert 0 < child.ask("call")["seconds"] < 10
        assert 1e6 < child.ask("work")["flop"] < 1e12
        assert child.ask("memory")["bytes"] > 1e8


def test_a_process_that_ended_is_told_of():
    with Child("nothing", "nowhere") as child, pytest.raises(RuntimeError, match="'nothing' ended"):
        child.ask("call")


def test_random_numbers_have_the_size_of_trained_ones():
    import numpy as np

    piece = np.random.default_rng(1).standard_normal(1000, dtype=np.float32)
    weight = np.frombuffer(numbers("a.weight", (30, 100), piece), np.float16)
    assert weight.std() == pytest.approx(100**-0.5, rel=0.05)
    assert (np.frombuffer(numbers("norm.weight", (7,), piece), np.float16) == 1).all()
    assert (np.frombuffer(numbers("norm.bias", (7,), piece), np.float16) == 0).all()
