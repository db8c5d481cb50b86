"""Every worked example of prompts on their way to tensors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.emphasis import EMPHASES
from modules.conditioning.options import ConditioningOptions
from modules.prompt.chunks import chunk_prompt
from modules.prompt.networks import lora_wishes, take_networks
from modules.prompt.tokenizer import ClipTokenizer
from tests.conftest import GOLDEN

FILE = GOLDEN.parent / "examples" / "conditioning.json"
EXAMPLES = json.loads(FILE.read_text(encoding="utf-8"))


def emphasised(given: dict[str, Any]) -> list[list[float]]:
    z = torch.tensor([given["z"]], dtype=torch.float32)
    weights = torch.tensor([given["weights"]], dtype=torch.float32)
    return EMPHASES[given["mode"]].weigh(z, weights)[0].tolist()


def ids(text: str) -> list[int]:
    [chunk] = chunk_prompt(text, ClipTokenizer.load()).chunks
    assert len(chunk.tokens) == 77
    return list(chunk.tokens[:4])


def network_weights(text: str) -> list[float | None]:
    [wish] = lora_wishes(take_networks(text)[1])
    return [wish.te, wish.unet, wish.dyn]


def mentions(text: str) -> list[list[Any]]:
    return [[wish.name, wish.unet] for wish in lora_wishes(take_networks(text)[1])]


def padded(given: dict[str, Any], conditioner: Conditioner) -> list[int]:
    texts = [" BREAK ".join(["cat"] * given[name]) for name in ("cond", "uncond")]
    wish = ConditioningOptions(padding=given["padding"])
    step = conditioner.conditions([texts[0]], [texts[1]], steps=1, options=wish).at(0)
    return [step.cond.shape[1], step.uncond.shape[1]]


KINDS: dict[str, Callable[[Any], Any]] = {
    "emphasis": emphasised,
    "ids of a short text": ids,
    "network weights": network_weights,
    "network named twice": mentions,
}


def examples(*kinds: str) -> list[Any]:
    chosen = [one for one in EXAMPLES if one["kind"] in kinds]
    return [pytest.param(one, id=f"{one['n']} {one['kind']}") for one in chosen]


@pytest.mark.parametrize("example", examples(*KINDS))
def test_example(example: dict[str, Any]) -> None:
    got, wanted = KINDS[example["kind"]](example["given"]), example["wanted"]
    if example["kind"] == "emphasis":
        assert torch.allclose(torch.tensor(got), torch.tensor(wanted).float(), atol=1e-6)
    else:
        assert got == wanted


@pytest.mark.parametrize("example", examples("padding"))
def test_example_of_padding(example: dict[str, Any], conditioner: Conditioner) -> None:
    assert padded(example["given"], conditioner) == example["wanted"]


def test_every_example_has_its_test() -> None:
    assert {one["kind"] for one in EXAMPLES} == {*KINDS, "padding"}
    assert [one["n"] for one in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
