"""Prompt editing, against published behaviour and values recorded from A1111's webui 1.8."""

import json
import random
import time
from pathlib import Path

import pytest

from modules.prompt.schedule import parse_schedule, select

UNITS = Path(__file__).parents[1] / "golden/parity/units"
RECORDED = json.loads((UNITS / "prompt_schedules.json").read_text("utf-8"))

EXAMPLES = {
    "fox": [(10, "fox")],
    "red [fox:4]": [(4, "red "), (10, "red fox")],
    "x [((fox)):7]": [(7, "x "), (10, "x ((fox))")],
    "[(fox:1.3):2]": [(2, ""), (10, "(fox:1.3)")],
    "old [ red : blue : 2 ] door": [(2, "old  red  door"), (10, "old  blue  door")],
    "p[q:[r:s:6]:3]t": [(3, "pqt"), (6, "prt"), (10, "pst")],
    "sky [moon:.4] sea": [(4, "sky  sea"), (10, "sky moon sea")],
    "[fog::0.3]": [(3, "fog"), (10, "")],
    "(tree [oak:elm:0.5]:1.2)": [(5, "(tree oak:1.2)"), (10, "(tree elm:1.2)")],
    "((fox][:owl:elk [bee:6]": [(6, "((fox][:owl:elk "), (10, "((fox][:owl:elk bee")],
    "[un|]kind": [(step, "unkind" if step % 2 else "kind") for step in range(1, 11)],
    "[un|||]kind": [(step, "unkind" if step % 4 == 1 else "kind") for step in range(1, 11)],
    "[[sun|moon]:star:0.6]": [
        (step, "star" if step > 6 else "sun" if step % 2 else "moon") for step in range(1, 11)
    ],
    "[a:b:1e1]": [(10, "a")],
    "[a:b:-1]": [(10, "b")],
    "[a:b:0]": [(10, "b")],
    "[a:b:0.0]": [(10, "b")],
    "[a:b:1.]": [(10, "a")],
    "[a:b:100]": [(10, "a")],
    "[a:b:13]": [(10, "a")],
}
LITERAL = [
    "[a]",
    "(A:w)",
    "[a:b]",
    "[a (b:c:0.5]",
    "[a|b:0.5]",
    "[a:b:c:0.5]",
    "[a:0.5:b]",
    "a|b",
    r"a\[b:c:0.5\]",
    "stray | with [a:b:0.5]",
    "[a:b:0.5] and a lone backslash \\",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_published_examples_have_their_schedule_over_ten_steps(text):
    assert parse_schedule(text, 10) == EXAMPLES[text]


@pytest.mark.parametrize("text", LITERAL)
def test_what_is_no_construct_stays_as_it_is(text):
    assert parse_schedule(text, 10) == [(10, text)]


def test_every_recorded_schedule_is_equal():
    for case in RECORDED:
        schedule = parse_schedule(case["text"], case["steps"], case["hires_steps"], old=case["old"])
        assert [list(entry) for entry in schedule] == case["schedule"], case


@pytest.mark.parametrize(
    ("text", "hires_steps", "schedule"),
    [
        ("sea [fog:.5] air", 10, [(10, "sea fog air")]),
        ("sea [fog:1.5] air", 8, [(4, "sea  air"), (8, "sea fog air")]),
        ("[a:b:13]", 8, [(3, "a"), (8, "b")]),
    ],
)
def test_numbers_go_on_counting_in_the_hires_pass(text, hires_steps, schedule):
    assert parse_schedule(text, 10, hires_steps) == schedule


@pytest.mark.parametrize(("number", "end"), [("0.3", 3), ("1", 1), ("1.5", 1), ("3", 3)])
def test_old_timelines_take_numbers_below_one_as_shares_and_ignore_the_hires_pass(number, end):
    expected = [(end, "a"), (10, "b")]
    assert parse_schedule(f"[a:b:{number}]", 10, old=True) == expected
    assert parse_schedule(f"[a:b:{number}]", 10, 7, old=True) == expected


def test_a_switch_is_literal_before_exactly_two_stray_brackets():
    assert parse_schedule("[a:b:0.5])", 10) == [(5, "a)"), (10, "b)")]
    assert parse_schedule("[a:b:0.5]))", 10) == [(10, "[a:b:0.5]))")]
    assert parse_schedule("[a:b:0.5]((y", 10) == [(10, "[a:b:0.5]((y")]
    assert parse_schedule("[a:b:0.5]::", 10) == [(10, "[a:b:0.5]::")]
    assert parse_schedule("[a:b:0.5])))", 10) == [(5, "a)))"), (10, "b)))")]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1.e999", "9" * 400])
def test_numbers_beyond_all_bounds_are_clamped(number):
    assert parse_schedule(f"[a:b:{number}]", 10)[-1][0] == 10
    assert parse_schedule(f"[a:b:{number}]", 10, old=True)[-1][0] == 10


def test_the_first_version_lasts_one_call_longer_than_its_number_says():
    ends = [end for end, _ in parse_schedule("[a:b:0.5]", 20)]
    assert [select(ends, k) for k in range(20)] == [0] * 11 + [1] * 9
    second_order = [end for end, _ in parse_schedule("[a:b:0.5]", 40)]
    assert [select(second_order, k) for k in range(39)] == [0] * 21 + [1] * 18
    assert select([3, 5], 9) == 0


def random_prompts(count, seed):
    rng = random.Random(seed)
    alphabet = [
        "(",
        ")",
        "[",
        "]",
        ":",
        "|",
        "\\",
        " ",
        "a",
        "b",
        "3",
        "0.5",
        ".",
        "1e1",
        "-",
        "\n",
    ]
    for _ in range(count):
        yield "".join(rng.choices(alphabet, k=rng.randrange(40)))


def check_any(text):
    schedule = parse_schedule(text, 7)
    ends = [end for end, _ in schedule]
    assert ends == sorted(set(ends))
    assert ends[-1] == 7
    if not any(mark in text for mark in "[|"):
        assert schedule == [(7, text)]


def test_any_string_has_a_schedule_that_ends_with_the_last_step():
    for text in random_prompts(3000, seed=1):
        check_any(text)


@pytest.mark.slow
def test_a_hundred_thousand_random_strings_have_a_schedule():
    for text in random_prompts(100_000, seed=2):
        check_any(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "[a:" * 33_000,
        "[a|" * 33_000,
        "(" * 50_000 + ")" * 50_000,
        "[a:b:3]" * 14_000,
        "[a:" * 20_000 + ":0.5]" * 10_000,
        "\\" * 100_000,
        "[[a|b]:c:3]" * 9_000,
    ],
    ids=lambda text: text[:8],
)
def test_time_is_linear_in_the_length(text):
    start = time.perf_counter()
    parse_schedule(text, 3)
    assert time.perf_counter() - start < 2
