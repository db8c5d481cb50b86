"""AND composition, against published behaviour and values recorded from A1111's webui 1.8."""

import json
from pathlib import Path

import pytest

from modules.prompt.compose import split_composition

UNITS = Path(__file__).parents[1] / "golden/parity/units"
RECORDED = json.loads((UNITS / "prompt_and.json").read_text("utf-8"))

EXAMPLES = {
    "a AND b": [("a", 1), (" b", 1)],
    "a:1.2 AND b:0.5": [("a", 1.2), (" b", 0.5)],
    "a AND b :-1": [("a", 1), (" b", -1)],
    "a : 1.5": [("a", 1.5)],
    "x:y:2": [("x:y", 2)],
    "a:1e2": [("a:1e2", 1)],
    "a AND": [("a", 1), ("", 1)],
    "AND": [("", 1), ("", 1)],
    "(a:1.2) AND b": [("(a:1.2)", 1), (" b", 1)],
    "aANDb": [("aANDb", 1)],
    "[a AND b]": [("[a", 1), (" b]", 1)],
    "10:30": [("10", 30)],
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_published_examples_have_their_parts(text):
    assert split_composition(text) == EXAMPLES[text]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["text"][:30])
def test_every_recorded_prompt_splits_as_in_the_reference(case):
    assert [list(part) for part in split_composition(case["text"])] == case["subprompts"]
