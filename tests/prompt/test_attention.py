"""Attention syntax, against published behaviour and values recorded from A1111's webui 1.8."""

import json
import random
import time
from itertools import pairwise
from pathlib import Path

import pytest

from modules.prompt.attention import MAX_DEPTH, parse_attention

UNITS = Path(__file__).parents[1] / "golden/parity/units"
RECORDED = json.loads((UNITS / "prompt_attention.json").read_text("utf-8"))
READ_BY_REFERENCE = [case for case in RECORDED if isinstance(case["parsed"], list)]

EXAMPLES = {
    "one (red) fox": [("one ", 1), ("red", 1.1), (" fox", 1)],
    "(open": [("open", 1.1)],
    r"\(smile\]": [("(smile]", 1)],
    "(soft)(light)": [("softlight", 1.1)],
    "a (b (c:1.5) d] e": [("a ", 1), ("b ", 1.1), ("c", 1.6500000000000001), (" d] e", 1.1)],
    "dusk ((((moon:1.2)) [fog] over (lake:0.7), (((stars)))!": [
        ("dusk ", 1),
        ("moon", 1.5972000000000004),
        (" ", 1.2100000000000002),
        ("fog", 1.1),
        (" over ", 1.2100000000000002),
        ("lake", 0.8470000000000001),
        (", ", 1.2100000000000002),
        ("stars", 1.6105100000000008),
        ("!", 1.2100000000000002),
    ],
    "(a:1.2:1.3)": [("a:1.2", 1.3)],
    "(a:.5)": [("a", 0.5)],
    "(a:-1)": [("a", -1)],
    "(a:+1.5)": [("a", 1.5)],
    "(a: 1.5 )": [("a", 1.5)],
    "(a:1.5": [("a:1.5", 1.1)],
    "a:1.5)": [("a:1.5)", 1)],
    "(a:b)": [("a:b", 1.1)],
    "((a:1.1):1.1)": [("a", 1.2100000000000002)],
    "[a]": [("a", 0.9090909090909091)],
    "[[a]]": [("a", 0.8264462809917354)],
    "[x:1.5]": [("x:1.5", 0.9090909090909091)],
    r"a\b": [("ab", 1)],
    "a BREAK b": [("a", 1), ("BREAK", -1), ("b", 1)],
    "(a BREAK b)": [("a", 1.1), ("BREAK", -1.1), ("b", 1.1)],
    "(a:1.5) BREAK (b:0.5)": [("a", 1.5), ("", 1), ("BREAK", -1), ("", 1), ("b", 0.5)],
    "a  BREAK\nBREAK b": [("a", 1), ("BREAK", -1), ("", 1), ("BREAK", -1), ("b", 1)],
    "BREAK": [("", 1), ("BREAK", -1), ("", 1)],
    "()": [("", 1)],
    "": [("", 1)],
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_published_examples_parse_to_their_segments(text):
    assert parse_attention(text) == EXAMPLES[text]


@pytest.mark.parametrize("case", READ_BY_REFERENCE, ids=lambda case: case["text"][:30])
def test_every_recorded_prompt_parses_as_in_the_reference(case):
    assert [list(segment) for segment in parse_attention(case["text"])] == case["parsed"]


def test_a_malformed_number_is_text_where_the_reference_fails():
    assert [case["text"] for case in RECORDED if case not in READ_BY_REFERENCE] == ["(a:1.2.3)"]
    assert parse_attention("(a:1.2.3)") == [("a:1.2.3", 1.1)]
    assert parse_attention("(a:.)") == [("a:.", 1.1)]


def test_only_a_break_of_weight_minus_one_is_a_break():
    assert [s.is_break for s in parse_attention("a BREAK b")] == [False, True, False]
    assert not any(s.is_break for s in parse_attention("(a BREAK b)"))
    assert not any(s.is_break for s in parse_attention("xBREAK BREAKx"))


def test_brackets_nested_absurdly_deep_stop_counting():
    (segment,) = parse_attention("(" * 5000 + "a" + ")" * 5000)
    assert segment.text == "a"
    assert segment.weight == pytest.approx(1.1**MAX_DEPTH)


def random_prompts(count, seed):
    rng = random.Random(seed)
    alphabet = ["(", ")", "[", "]", ":", "|", "\\", " ", "a", "1.5", ".", "BREAK", "AND", "\n"]
    for _ in range(count):
        yield "".join(rng.choices(alphabet, k=rng.randrange(40)))


def test_any_string_parses_and_loses_no_ordinary_letter():
    for text in random_prompts(3000, seed=1):
        segments = parse_attention(text)
        assert segments
        assert sum(segment.text.count("a") for segment in segments) == text.count("a")
        weights = [segment.weight for segment in segments]
        assert all(weight != after for weight, after in pairwise(weights))


@pytest.mark.slow
def test_a_hundred_thousand_random_strings_parse():
    for text in random_prompts(100_000, seed=2):
        parse_attention(text)


@pytest.mark.parametrize("text", ["(a", "[a:", "(a)", "(a:1.1)", "()", " ", ":1", "\\", "BREAK "])
def test_time_is_linear_in_the_length(text):
    start = time.perf_counter()
    parse_attention(text * (100_000 // len(text)))
    assert time.perf_counter() - start < 2
