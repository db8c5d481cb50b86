"""Hypernetworks change what attention reads, by f(c) = c + MLP(c) * multiplier."""

import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.loader import Model, load_model
from modules.model.networks.unet import CrossAttention
from modules.model.patch.hypernetwork import (
    ACTIVATIONS,
    HypernetworkFolder,
    Hypernetworks,
    read_hypernetwork,
)

DATA = Path(__file__).parents[2] / "golden" / "parity" / "data"
WIDTH = 64
"""Of what the tiny model's cross-attention reads."""


class Wish(NamedTuple):
    name: str
    multiplier: float = 1.0


def stack(
    structure: tuple[float, ...],
    activation: nn.Module | None,
    *,
    norm: bool = False,
    dropout: bool = False,
    activate_output: bool = True,
) -> nn.Sequential:
    """A perceptron with random weights, as people train them."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(structure)):
        layers.append(nn.Linear(int(WIDTH * before), int(WIDTH * after)))
        last = index == len(structure) - 2
        if activation is not None and (activate_output or not last):
            layers.append(activation)
        if norm:
            layers.append(nn.LayerNorm(int(WIDTH * after)))
        if dropout and not last:
            layers.append(nn.Dropout(0.3))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def state(perceptron: nn.Sequential) -> dict[str, Tensor]:
    return {f"linear.{name}": tensor for name, tensor in perceptron.state_dict().items()}


def write(path: Path, keys: nn.Sequential, values: nn.Sequential, **facts: Any) -> Path:
    table: dict[Any, Any] = {WIDTH: (state(keys), state(values)), "step": 100, "name": "it"}
    torch.save(table | facts, path)
    return path


MODULES: dict[str, nn.Module | None] = {
    "linear": None, "relu": nn.ReLU(), "leakyrelu": nn.LeakyReLU(), "elu": nn.ELU(),
    "swish": nn.Hardswish(), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "celu": nn.CELU(),
    "gelu": nn.GELU(), "hardshrink": nn.Hardshrink(), "hardsigmoid": nn.Hardsigmoid(),
    "hardtanh": nn.Hardtanh(), "hardswish": nn.Hardswish(), "logsigmoid": nn.LogSigmoid(),
    "mish": nn.Mish(), "relu6": nn.ReLU6(), "rrelu": nn.RReLU().eval(), "selu": nn.SELU(),
    "silu": nn.SiLU(), "softplus": nn.Softplus(), "softshrink": nn.Softshrink(),
    "softsign": nn.Softsign(), "tanhshrink": nn.Tanhshrink(), "softmax": nn.Softmax(-1),
    "softmin": nn.Softmin(-1), "logsoftmax": nn.LogSoftmax(-1),
}  # fmt: skip


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_is_torchs(activation: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    keys, values = (stack((1, 2, 1), MODULES[activation]) for _ in range(2))
    path = write(tmp_path / "it.pt", keys, values, activation_func=activation)
    read = read_hypernetwork(path)
    x = torch.randn(2, 5, WIDTH)
    for perceptron, module in zip(read.pairs[WIDTH], (keys, values), strict=True):
        assert torch.allclose(perceptron(x), module(x), atol=1e-6)


@pytest.mark.parametrize("structure", [(1, 1), (1, 2, 1), (1, 2, 4, 2, 1), (1, 0.5, 1)])
@pytest.mark.parametrize(("norm", "dropout"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("activate_output", [True, False])
def test_every_structure_is_put_together_in_order(
    structure: tuple[float, ...], norm: bool, dropout: bool, activate_output: bool, tmp_path: Path
) -> None:
    torch.manual_seed(2)
    flags = {"norm": norm, "dropout": dropout, "activate_output": activate_output}
    keys, values = (stack(structure, nn.ReLU(), **flags) for _ in range(2))
    facts = {"is_layer_norm": norm, "use_dropout": dropout, "activate_output": activate_output}
    path = write(tmp_path / "it.pt", keys, values, activation_func="relu", **facts)
    x = torch.randn(3, WIDTH)
    assert torch.allclose(read_hypernetwork(path).pairs[WIDTH][1](x), values(x), atol=1e-5)


def test_files_of_2022_name_their_layers_otherwise(tmp_path: Path) -> None:
    torch.manual_seed(3)
    module = stack((1, 2, 1), None)
    old = {
        f"linear{number + 1}.{name}": module[number].state_dict()[name]
        for number in (0, 1)
        for name in ("weight", "bias")
    }
    torch.save({WIDTH: (old, old)}, tmp_path / "old.pt")
    x = torch.randn(3, WIDTH)
    read = read_hypernetwork(tmp_path / "old.pt")
    assert torch.allclose(read.pairs[WIDTH][0](x), module(x), atol=1e-5)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(DATA / "Stable-diffusion" / "tiny.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    torch.manual_seed(4)
    for name in ("one", "two"):
        write(tmp_path / f"{name}.pt", stack((1, 2, 1), None), stack((1, 2, 1), None))
    yield tmp_path


def test_attention_reads_the_changed_context_and_its_own_again_afterwards(
    model: Model, folder: Path
) -> None:
    attention = next(
        one
        for one in model.unet.modules()
        if isinstance(one, CrossAttention) and one.to_k.in_features == WIDTH
    )
    context = torch.randn(1, 7, WIDTH)
    plain = attention.to_k(context), attention.to_v(context)
    hypernetworks = Hypernetworks(model.unet, HypernetworkFolder(folder))
    assert hypernetworks.ensure([Wish("one", 0.5), Wish("two", 2.0), Wish("three")]) == [
        "Hypernetwork not found: three"
    ]
    pairs = [read_hypernetwork(folder / f"{name}.pt").pairs[WIDTH] for name in ("one", "two")]
    for place, linear in enumerate((attention.to_k, attention.to_v)):
        changed = context
        for pair, multiplier in zip(pairs, (0.5, 2.0), strict=True):
            changed = changed + pair[place](changed) * multiplier
        wanted = changed @ linear.weight.T
        assert torch.allclose(linear(context), wanted, atol=1e-4)
        assert not torch.allclose(linear(context), plain[place], atol=1e-2)
    hypernetworks.ensure([])
    assert torch.equal(attention.to_k(context), plain[0])
    assert torch.equal(attention.to_v(context), plain[1])


class Bomb:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return (Path.touch, (self.place,))


def test_a_file_that_is_none_is_refused_and_nothing_in_it_runs(
    model: Model, tmp_path: Path
) -> None:
    torch.save({WIDTH: (Bomb(tmp_path / "ran"), {})}, tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    torch.save({"string_to_param": torch.ones(2, WIDTH)}, tmp_path / "embedding.pt")
    torch.save({WIDTH: ({}, {})}, tmp_path / "empty.pt")
    good = state(stack((1, 2, 1), None))
    torch.save({WIDTH: (good, good), "activation_func": "magic"}, tmp_path / "magic.pt")
    torch.save({99: (good, good)}, tmp_path / "width.pt")
    (tmp_path / "text.pt").write_text("<html>")
    for name in ("bomb", "plain", "embedding", "empty", "magic", "width", "text"):
        with pytest.raises(ModelError, match=name):
            read_hypernetwork(tmp_path / f"{name}.pt")
    assert not (tmp_path / "ran").exists()
    other = nn.Linear(12, 12)
    square = {f"linear.0.{key}": value for key, value in other.state_dict().items()}
    torch.save({12: (square, square)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="nothing that fits this model"):
        Hypernetworks(model.unet, HypernetworkFolder(tmp_path)).ensure([Wish("other")])
