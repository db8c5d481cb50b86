"""Marks of extra networks, against published behaviour and values from A1111's webui 1.8."""

import json
import time
from pathlib import Path

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.prompt.networks import (
    BLOCK_SETS,
    HypernetWish,
    LoraWish,
    block_weights,
    hypernet_wishes,
    lora_wishes,
    take_networks,
)

UNITS = Path(__file__).parents[1] / "golden/parity/units"
RECORDED = json.loads((UNITS / "extra_networks.json").read_text("utf-8"))


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["text"][:30])
def test_every_recorded_prompt_gives_the_same_networks(case):
    prompt, networks = take_networks(case["text"])
    by_kind = {}
    for network in networks:
        row = {"positional": list(network.positional), "named": dict(network.named)}
        by_kind.setdefault(network.kind, []).append(row)
    assert (prompt, by_kind) == (case["prompt"], case["networks"])


@pytest.mark.parametrize(
    ("text", "te", "unet", "dyn"),
    [
        ("<lora:a>", 1, 1, None),
        ("<lora:a:0.5>", 0.5, 0.5, None),
        ("<lora:a:0.5:0.8>", 0.5, 0.8, None),
        ("<lora:a:1:1:16>", 1, 1, 16),
        ("<lora:a:unet=0.3:te=0>", 0, 0.3, None),
        ("<lyco:a:0.5>", 0.5, 0.5, None),
    ],
)
def test_multipliers_of_a_lora(text, te, unet, dyn):
    assert lora_wishes(take_networks(text)[1]) == [LoraWish("a", te, unet, dyn)]


def test_a_lora_mentioned_twice_is_applied_twice_as_its_last_mention_says():
    wishes = lora_wishes(take_networks("<lora:a:0.1><hypernet:h:1><lora:b><lora:a:0.7>")[1])
    assert [(wish.name, wish.te) for wish in wishes] == [("a", 0.7), ("b", 1), ("a", 0.7)]


def test_a_multiplier_that_is_no_number_is_refused():
    with pytest.raises(InvalidRequest, match="<lora:a:strong>"):
        lora_wishes(take_networks("<lora:a:strong>")[1])


def test_marks_that_never_end_take_linear_time():
    start = time.perf_counter()
    for text in ("<a:" * 100_000, "<" * 300_000, "<a:>" * 80_000, "<a:b" * 80_000 + ">"):
        take_networks(text)
    assert time.perf_counter() - start < 2


def test_a_weight_may_have_a_course_between_moments():
    (wish,) = lora_wishes(take_networks("<lora:a:0@0,1@0.5,0.2@8>")[1])
    assert wish.te == 0  # the text is encoded once, at the beginning
    assert [round(wish.at(step, 10).unet, 6) for step in (0, 2, 5, 8, 9)] == [0, 0.4, 1, 0.2, 0.2]
    assert wish.at(3, 10).course == wish.course
    (other,) = lora_wishes(take_networks("<lora:a:te=0.7:unet=1@0,0@1>")[1])
    assert (other.te, other.unet) == (0.7, 1)


@pytest.mark.parametrize("text", ["1@x", "a@0", "1@0,", "nan", "inf"])
def test_a_course_of_other_things_is_refused(text):
    with pytest.raises(InvalidRequest, match="not a number"):
        lora_wishes(take_networks(f"<lora:a:{text}>")[1])


def test_block_weights_are_a_known_set_or_a_factor_for_each_block():
    assert block_weights("ind") == (1, 0, 0, 0, 1, 1, 1, *[0] * 10)
    assert block_weights(",".join(["0.5"] * 26)) == (0.5,) * 26
    assert all(len(block_weights(name)) == 17 for name in BLOCK_SETS)
    with pytest.raises(NotFound, match="OUTALL"):
        block_weights("OUTAL")
    with pytest.raises(InvalidRequest, match="3 block weights"):
        block_weights("1,0,0")
    with pytest.raises(InvalidRequest, match="not all numbers"):
        block_weights("1,a")


def test_hypernetworks_have_a_multiplier():
    networks = take_networks("<hypernet:h:0.4><lora:a><hypernet:i>")[1]
    assert hypernet_wishes(networks) == [HypernetWish("h", 0.4), HypernetWish("i", 1)]
    with pytest.raises(InvalidRequest, match="<hypernet:h:much>"):
        hypernet_wishes(take_networks("<hypernet:h:much>")[1])
