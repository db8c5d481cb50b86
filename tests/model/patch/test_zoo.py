"""Files of every format, right and wrong, against formulas written out in the test."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import Model, load_model
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from tests.model.patch.zoo import zoo

DATA = Path(__file__).parents[2] / "golden" / "parity" / "data"
ANIMALS = {animal.name: animal for animal in zoo()}
CYCLES = 20


class Wish(NamedTuple):
    name: str
    te: float = 1.0
    unet: float = 1.0
    dyn: int | None = None
    blocks: tuple[float, ...] = ()


@pytest.fixture(scope="module")
def patcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patcher]:
    folder = tmp_path_factory.mktemp("zoo")
    for animal in ANIMALS.values():
        animal.write(folder)
    model = load_model(DATA / "Stable-diffusion" / "tiny.safetensors")
    yield Patcher(model, NetworkFolder(folder))


def weight(model: Model, name: str) -> Tensor:
    part, _, path = name.partition(".")
    network = model.unet if part == "unet" else model.text_encoders
    return network.get_parameter(path)


def every(model: Model) -> list[Tensor]:
    return [*model.unet.parameters(), *model.text_encoders.parameters()]


def copies(model: Model) -> list[Tensor]:
    return [one.detach().clone() for one in every(model)]


def test_the_zoo_is_large() -> None:
    assert len(ANIMALS) == len(zoo()) >= 45
    assert sum(bool(one.error or one.notice) for one in ANIMALS.values()) >= 15


@pytest.mark.parametrize("name", [name for name, one in ANIMALS.items() if one.formula])
def test_what_a_file_does_is_what_its_formula_says(patcher: Patcher, name: str) -> None:
    animal, multiplier = ANIMALS[name], 1.0 if len(name) % 2 else -0.4
    patcher.ensure([])
    before = copies(patcher.model)
    original = weight(patcher.model, animal.weight).detach().double()
    bias = animal.weight.removesuffix("weight") + "bias"
    old_bias = weight(patcher.model, bias).detach().double() if animal.bias else None
    notices = patcher.ensure([Wish(name, multiplier, multiplier)])
    assert [animal.notice in notice for notice in notices] == ([True] if animal.notice else [])
    assert animal.formula is not None
    expected = original + (animal.formula(original) - original) * multiplier
    now = weight(patcher.model, animal.weight).detach().double()
    assert (now - expected).abs().max() <= 1e-3 * expected.abs().max()
    if name != "zero":
        assert (now - original).abs().max() > 1e-3  # the formula says something
    if animal.bias and old_bias is not None:
        wanted = old_bias + (animal.bias(old_bias) - old_bias) * multiplier
        assert torch.allclose(weight(patcher.model, bias).detach().double(), wanted, atol=1e-4)
    pairs = zip(before, every(patcher.model), strict=True)
    different = sum(not torch.equal(*pair) for pair in pairs)
    assert different == (name != "zero") + bool(animal.bias)  # and nothing else has changed
    patcher.ensure([])
    assert all(map(torch.equal, before, every(patcher.model)))


@pytest.mark.parametrize("name", [name for name, one in ANIMALS.items() if one.error])
def test_what_does_not_fit_is_an_error_that_says_why(patcher: Patcher, name: str) -> None:
    before = copies(patcher.model)
    for act in (patcher.check, patcher.ensure):
        with pytest.raises(ModelError) as refused:
            act([Wish(name)])
        assert name in refused.value.message
        assert ANIMALS[name].error in str(refused.value)
    assert all(map(torch.equal, before, every(patcher.model)))


def test_many_come_and_go_and_leave_no_trace(patcher: Patcher) -> None:
    names = [name for name, one in ANIMALS.items() if one.formula]
    before = copies(patcher.model)
    for cycle in range(CYCLES):
        patcher.ensure([Wish(names[(cycle + more) % len(names)], 0.7, 0.7) for more in range(3)])
        patcher.ensure([])
        assert all(map(torch.equal, before, every(patcher.model)))
