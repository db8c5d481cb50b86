"""Chunks of 75 tokens, against published tables and values from A1111's webui 1.8."""

import json
from pathlib import Path

import pytest

from modules.prompt.chunks import (
    EmbeddingIndex,
    EmbeddingWord,
    Fix,
    bracket_factors,
    chunk_in_old_way,
    chunk_prompt,
)
from modules.prompt.tokenizer import ClipTokenizer

UNITS = Path(__file__).parents[1] / "golden/parity/units"
TOKENIZER = ClipTokenizer.load()
EMBEDDINGS = EmbeddingIndex(
    EmbeddingWord(name, tuple(TOKENIZER.encode(name)), vectors)
    for name, vectors in (("tinyemb", 3), ("bad-tiny_neg", 8), ("ptemb", 2))
)


def words(count):
    return " ".join(["cat"] * count)


def lengths(text, **options):
    chunks = chunk_prompt(text, TOKENIZER, EMBEDDINGS, **options).chunks
    return [sum(token != TOKENIZER.end for token in chunk.tokens) - 1 for chunk in chunks]


def test_every_recorded_prompt_has_the_same_tokens_weights_and_embeddings():
    for case in json.loads((UNITS / "prompt_chunks.json").read_text("utf-8")):
        if "error" in case:  # a malformed weight, which is text here
            continue
        text = chunk_prompt(
            case["text"], TOKENIZER, EMBEDDINGS, backtrack=case["comma_padding_backtrack"]
        )
        chunks = [
            {
                "tokens": list(chunk.tokens),
                "multipliers": list(chunk.weights),
                "fixes": [list(fix) for fix in chunk.fixes],
            }
            for chunk in text.chunks
        ]
        assert (text.count, chunks) == (case["token_count"], case["chunks"]), case["text"]
        assert TOKENIZER.encode(case["text"]) == case["raw"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0]),
        (words(75), [75]),
        (words(76), [75, 1]),
        (f"{words(70)}, {words(10)}", [71, 10]),
        (f"{words(55)}, {words(30)}", [56, 30]),
        (f"{words(54)}, {words(30)}", [75, 10]),
        (f"{words(75)}, {words(3)}", [75, 4]),
        (f"{words(74)}, {words(3)}", [75, 3]),
        ("BREAK", [0]),
        ("a BREAK b", [1, 1]),
        (f"{words(75)} BREAK cat", [75, 1]),
    ],
)
def test_published_chunk_lengths(text, expected):
    assert lengths(text) == expected


def test_backtracking_can_be_switched_off():
    assert lengths(f"{words(70)}, {words(10)}", backtrack=0) == [75, 6]


def test_weights_move_to_the_next_chunk_with_their_tokens():
    first, second = chunk_prompt(f"{words(70)}, ({words(10)}:1.5)", TOKENIZER).chunks
    assert set(first.weights) == {1.0}
    assert second.weights[:12] == (1.0, *[1.5] * 10, 1.0)


def test_every_chunk_is_77_tokens_between_start_and_end():
    for chunk in chunk_prompt(words(200), TOKENIZER).chunks:
        assert len(chunk.tokens) == len(chunk.weights) == 77
        assert (chunk.tokens[0], chunk.tokens[-1]) == (TOKENIZER.start, TOKENIZER.end)


def test_brackets_are_text_when_not_parsed():
    plain = chunk_prompt("(a:1.2) BREAK", TOKENIZER, parse=False)
    assert len(plain.chunks) == 1
    assert set(plain.chunks[0].weights) == {1.0}
    assert plain.count == len(TOKENIZER.encode("(a:1.2) BREAK"))


def test_the_longest_name_of_an_embedding_wins():
    index = EmbeddingIndex(
        EmbeddingWord(name, tuple(TOKENIZER.encode(name)), 1) for name in ("my", "my cat")
    )
    (chunk,) = chunk_prompt("my cat and my dog", TOKENIZER, index).chunks
    assert chunk.fixes == (Fix(0, "my cat", 1), Fix(2, "my", 1))


def test_an_embedding_is_never_divided():
    first, second = chunk_prompt(f"{words(70)} bad-tiny_neg", TOKENIZER, EMBEDDINGS).chunks
    assert first.fixes == ()
    assert second.fixes == (Fix(0, "bad-tiny_neg", 8),)


def test_an_embedding_after_the_last_comma_stays_where_it_was_as_in_the_reference():
    text = f"{words(65)}, tinyemb {words(20)}"
    first, second = chunk_prompt(text, TOKENIZER, EMBEDDINGS).chunks
    assert first.fixes == (Fix(66, "tinyemb", 3),)
    assert second.fixes == ()
    assert second.tokens[1:4] == (0, 0, 0)


def test_an_embedding_longer_than_a_chunk_is_cut_to_fit():
    index = EmbeddingIndex([EmbeddingWord("huge", tuple(TOKENIZER.encode("huge")), 200)])
    chunks = chunk_prompt("a huge cat", TOKENIZER, index).chunks
    assert [len(chunk.tokens) for chunk in chunks] == [77, 77, 77]
    assert chunks[1].fixes == (Fix(0, "huge", 75),)


def test_the_old_way_takes_weights_from_brackets_among_the_tokens():
    (chunk,) = chunk_in_old_way("a ((cat)) [dog] b", TOKENIZER).chunks
    assert chunk.tokens[1:6] == (320, 2368, 1929, 321, TOKENIZER.end)
    assert chunk.weights[1:5] == pytest.approx([1, 1.21, 1 / 1.1, 1])


def test_the_old_way_is_one_chunk_without_numbers_or_breaks():
    text = chunk_in_old_way(f"(a:1.5) BREAK {words(100)}", TOKENIZER)
    assert len(text.chunks) == 1
    assert text.count == 75
    assert len(text.chunks[0].tokens) == 77


def test_tokens_with_several_brackets_multiply():
    factors = bracket_factors(TOKENIZER)
    assert factors[TOKENIZER.vocabulary()["((</w>"]] == pytest.approx(1.21)
    assert factors[TOKENIZER.vocabulary()["()</w>"]] == pytest.approx(1)
