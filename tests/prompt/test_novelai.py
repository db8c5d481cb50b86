"""NovelAI's emphasis, and its conversion to the standard syntax."""

import random
import time

import pytest

from modules.prompt.attention import parse_attention
from modules.prompt.novelai import novelai_to_standard, parse_novelai

EXAMPLES = {
    "{{alice}}": [("alice", 1.1025)],
    "{a} b [c]": [("a", 1.05), (" b ", 1), ("c", 0.9523809523809523)],
    "{a": [("a", 1.05)],
    "(a)": [("(a)", 1)],
    r"\{a\} \[b\]": [("{a} [b]", 1)],
    "1.3::x y:: z": [("x y", 1.3), (" z", 1)],
    "-1::hat:: b": [("hat", -1), (" b", 1)],
    "2::a 0.5::b": [("a ", 2), ("b", 0.5)],
    "{1.5::a} b": [("a", 1.5 * 1.05), (" b", 1)],
    "f1.5::x": [("f1.5::x", 1)],
    "10:30": [("10:30", 1)],
    "a BREAK b": [("a", 1), ("BREAK", -1), ("b", 1)],
    "": [("", 1)],
}
CONVERTED = {
    "{x}": "(x:1.05)",
    "{{alice}}": "(alice:1.1025)",
    "{{{a}}}": "(a:1.157625)",
    "[x]": "(x:0.952381)",
    "(a)": r"\(a\)",
    r"\(a\)": r"\(a\)",
    r"\{a\}": "{a}",
    "{a": "(a:1.05)",
    "{{a} b}": "((a:1.05) b:1.05)",
    "1.3::x:: y": "(x:1.3) y",
    "{[a|b] c}": "([a|b] c:1.05)",
    "[{a}:b:0.5] [c]": "[(a:1.05):b:0.5] (c:0.952381)",
    "1.5::a [b::3] c::": "(a [b::3] c:1.5)",
    "a] b}": r"a\] b}",
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_parse_to_their_segments(text):
    assert parse_novelai(text) == EXAMPLES[text]


@pytest.mark.parametrize("text", CONVERTED)
def test_conversion_to_the_standard_syntax(text):
    assert novelai_to_standard(text) == CONVERTED[text]


def nested_prompt(rng, depth=0):
    kinds = ["word", "words, (more)", "{%s}", "[%s]", "{{%s}}"]
    kinds += ["1.5::%s::"] if depth == 0 else []
    parts = []
    for _ in range(rng.randrange(1, 4)):
        kind = rng.choice(kinds if depth < 4 else kinds[:2])
        parts.append(kind % nested_prompt(rng, depth + 1) if "%s" in kind else kind)
    return " ".join(parts)


def test_a_converted_prompt_has_the_same_weights():
    rng = random.Random(3)
    for _ in range(300):
        text = nested_prompt(rng)
        converted = novelai_to_standard(text)
        letters = [
            (letter, weight)
            for segment_text, weight in parse_attention(converted)
            for letter in segment_text
        ]
        expected = [
            (letter, weight)
            for segment_text, weight in parse_novelai(text)
            for letter in segment_text
        ]
        assert [letter for letter, _ in letters] == [letter for letter, _ in expected], text
        assert [weight for _, weight in letters] == pytest.approx(
            [weight for _, weight in expected], rel=1e-5
        ), text


def test_any_string_parses_and_converts_in_linear_time():
    rng = random.Random(4)
    alphabet = ["{", "}", "[", "]", "::", "1.5::", ":", "|", "\\", "a", " ", "(", ")", "-", "0.5"]
    for _ in range(3000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(30)))
        assert parse_novelai(text)
        novelai_to_standard(text)
    start = time.perf_counter()
    for text in ("{a" * 30_000, "1::" * 30_000, "{" * 30_000 + "}" * 30_000, "1" * 60_000):
        parse_novelai(text)
        novelai_to_standard(text)
    assert time.perf_counter() - start < 4
