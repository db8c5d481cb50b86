"""What a template becomes: by chance, or in all its ways."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.prompt.dynamic import Line, draw, every
from modules.prompt.dynamic_syntax import Marks, is_dynamic, parse_line

MARKS = Marks()
FILES = {
    "colour": ["red", "green", "3::blue"],
    "coat": ["a __colour__ coat", "no coat"],
    "one": ["__two__"],
    "two": ["__three__"],
    "three": ["__one__"],
}


def library(name):
    if name not in FILES:
        raise NotFound("wildcard", name, FILES)
    return [Line(*parse_line(text), name) for text in FILES[name]]


def texts(template, count=200, marks=MARKS):
    return [draw(template, library, Random(str(seed)), marks) for seed in range(count)]


def all_of(template):
    return [text for text, _ in every(template, library, MARKS)]


def test_the_same_seed_gives_the_same_text():
    template = "__coat__, {a|b|c}, {2$$x|y|z}"
    assert texts(template) == texts(template)
    assert len(set(texts(template))) > 10


def test_a_wildcard_is_a_line_of_its_file_and_lines_may_hold_others():
    assert set(texts("__coat__")) == {
        "a red coat",
        "a green coat",
        "a blue coat",
        "no coat",
    }


def test_weights_say_how_often_something_is_chosen():
    counts = Counter(texts("{3::often|seldom|0::never}", 2000))
    assert counts["often"] / counts["seldom"] == pytest.approx(3, rel=0.2)
    assert counts["never"] == 0
    counts = Counter(texts("__colour__", 2000))
    assert counts["blue"] / counts["red"] == pytest.approx(3, rel=0.2)


def test_several_are_different_and_joined():
    for text in texts("{2$$ and $$a|b|c}"):
        first, second = text.split(" and ")
        assert first != second
    assert {len(text.split(", ")) for text in texts("{1-3$$a|b|c}")} == {1, 2, 3}
    assert {len(text.split(", ")) for text in texts("{2-$$a|b|c}")} == {2, 3}
    assert {text.count(",") for text in texts("{-2$$, $$a|b|c}")} == {0, 1}
    assert all(len(set(text.split("+"))) == 2 for text in texts("{2$$+$$__colour__}"))


def test_variables_keep_what_was_drawn_or_draw_again():
    assert all(
        len(set(text.split("-"))) == 1 for text in texts("${c=!{red|green|blue}}${c}-${c}-${c}")
    )
    assert any(len(set(text.split("-"))) > 1 for text in texts("${c={red|green}}${c}-${c}-${c}"))
    assert draw("a ${x:plain} cat", library, Random(1), MARKS) == "a plain cat"
    with pytest.raises(InvalidRequest, match=r"variable \$\{x\} has no value"):
        draw("a ${x} cat", library, Random(1), MARKS)


@pytest.mark.parametrize(
    "text",
    [
        "{{masterpiece}}",
        "{red} [a|b] (c:1.2)",
        "[a:b:0.5], [a|b]",
        "style {prompt}",
        "open { brace | here",
        "snake__case _a_ __ init __",
        "a AND b :0.7",
    ],
)
def test_what_others_mean_by_braces_and_lines_stays(text):
    assert not is_dynamic(text, MARKS)
    assert draw(text, library, Random(1), MARKS) == text


def test_emphasis_and_alternation_work_inside_of_variants():
    assert set(texts("{{{fine}} cat|[a|b] dog}")) == {"{{fine}} cat", "[a|b] dog"}


def test_marks_that_are_off_are_text():
    assert texts("{a|b} __colour__", 3, Marks(variants=False))[0].startswith("{a|b} ")
    assert texts("{a|b} __none__", 1, Marks(wildcards=False))[0].endswith("__none__")


def test_a_backslash_makes_plain_text_of_a_mark():
    assert draw(r"\{a|b\} {c|c}", library, Random(1), MARKS) == "{a|b} c"
    kept = Marks(unescape=False)
    assert draw(r"\{a\} {c|c}", library, Random(1), kept) == r"\{a\} c"


def test_names_of_networks_may_look_like_wildcards():
    assert draw("<lora:my__best__one:1>", library, Random(1), MARKS) == "<lora:my__best__one:1>"
    assert draw("<lora:{a|a}:1>", library, Random(1), MARKS) == "<lora:a:1>"


def test_a_missing_one_is_named_with_its_neighbour():
    with pytest.raises(NotFound, match=r"No wildcard called 'color'. Did you mean 'colour'"):
        draw("__color__", library, Random(1), MARKS)


def test_a_circle_is_told_with_its_way():
    with pytest.raises(InvalidRequest, match="one → two → three → one"):
        draw("__one__", library, Random(1), MARKS)
    with pytest.raises(InvalidRequest, match="leads back to itself"):
        draw("${x=${x}${x}}${x}", library, Random(1), MARKS)
    with pytest.raises(InvalidRequest, match="more than"):
        draw("{a|b}" * 10_001, library, Random(1), MARKS)


def test_all_ways_come_in_order_and_each_once():
    assert all_of("{a|b} {1|2}") == ["a 1", "a 2", "b 1", "b 2"]
    assert all_of("{2$$ $$a|b|c}") == ["a b", "a c", "b c"]
    assert all_of("__coat__") == ["a red coat", "a green coat", "a blue coat", "no coat"]
    assert all_of("${x=!{a|b}}${x}${x}") == ["aa", "bb"]


def test_there_may_be_more_ways_than_anybody_can_count():
    endless = " ".join(["{a|b|c|d|e|f|g|h|i|j}"] * 60)
    assert len(list(islice(every(endless, library, MARKS), 50))) == 50


@pytest.mark.parametrize("text", ["{a|" * 30_000, "__a " * 25_000, "{" * 50_000 + "}" * 50_000])
def test_nonsense_takes_no_time(text):
    assert not is_dynamic(text, MARKS)
