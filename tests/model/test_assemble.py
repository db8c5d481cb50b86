"""Networks take the tensors of a file: nothing is drawn at random, nothing is held twice."""

import gc
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modules.errors import ModelError
from modules.model.assemble import BLOCK, build, converted, uncollected
from modules.model.files import read_weights
from modules.model.networks.layers import Conv2d, Embedding, Linear

CPU = torch.device("cpu")
LAYERS = [
    (Linear, nn.Linear, (6, 4)),
    (Conv2d, nn.Conv2d, (3, 5, 3)),
    (Embedding, nn.Embedding, (7, 3)),
]


@pytest.mark.parametrize(
    "ours, torchs, shape", LAYERS, ids=lambda one: getattr(one, "__name__", "")
)
def test_layers_with_memory_begin_as_torchs_own(ours, torchs, shape):
    drawn = []
    for kind in (ours, torchs):
        torch.manual_seed(3)
        drawn.append(kind(*shape).weight)
    assert torch.equal(*drawn)


@pytest.mark.parametrize(
    "ours, torchs, shape", LAYERS, ids=lambda one: getattr(one, "__name__", "")
)
def test_layers_without_memory_are_never_drawn(ours, torchs, shape, monkeypatch):
    def refuse(self):
        raise AssertionError("drawn")

    monkeypatch.setattr(torchs, "reset_parameters", refuse)
    with torch.device("meta"):
        assert ours(*shape).weight.is_meta
        with pytest.raises(AssertionError):
            torchs(*shape)


def resident_bytes(path: Path) -> int:
    """How much of a mapped file is in this process's memory."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1]) * 1024
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_what_was_converted_leaves_no_pages_of_the_file_in_memory(tmp_path):
    path = tmp_path / "large.safetensors"
    weight = torch.randn(1024, 1024).half()
    save_file({"weight": weight, "bias": torch.zeros(1024).half()}, path)
    names = {"weight": "weight", "bias": "bias"}
    with read_weights(path, map_from=0) as weights:
        network = build(lambda: Linear(1024, 1024), weights, names, dtype=torch.float32)
        assert resident_bytes(path) < 2**19
        again = build(lambda: Linear(1024, 1024), weights, names)
    assert torch.equal(network.weight, weight.float())
    assert torch.equal(again.weight, weight), "the pages come back when they are wanted"
    assert resident_bytes(path) >= weight.nbytes


def test_half_precision_becomes_bfloat16_as_torch_would_have_it():
    tensor = torch.randn(3, BLOCK).half()
    tensor[0, 0] = float("inf")
    ours, torchs = converted(tensor, CPU, torch.bfloat16), tensor.bfloat16()
    assert torch.equal(ours, torchs)
    assert converted(tensor, CPU, None) is tensor


def test_no_garbage_is_collected_while_a_model_loads_whatever_happens():
    with pytest.raises(ModelError), uncollected():
        assert not gc.isenabled()
        raise ModelError("broken")
    assert gc.isenabled()
