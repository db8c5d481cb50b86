"""The token counter."""

import time

import pytest

from modules.prompt.chunks import EmbeddingIndex, EmbeddingWord
from modules.prompt.count import count_tokens, embedding_index, unbalanced_brackets
from modules.prompt.tokenizer import ClipTokenizer

TOKENIZER = ClipTokenizer.load()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "0/75"),
        ("a cat", "2/75"),
        ("(a:1.2) [cat] # with a comment", "2/75"),
        ("a cat <lora:x:1>", "2/75"),
        ("a [cat:very big dog:0.5]", "4/75"),
        ("a AND three more words", "3/75"),
        ("a BREAK b", "76/150"),
        ("BREAK", "75/75"),
        ("cat " * 75, "75/75"),
        ("cat " * 76, "76/150"),
    ],
)
def test_what_the_counter_shows(text, shown):
    assert str(count_tokens(text, TOKENIZER)) == shown


def test_a_negative_prompt_is_not_split_and_keeps_angle_brackets():
    assert count_tokens("a AND b", TOKENIZER, negative=True).used == 3
    assert count_tokens("<x:1>", TOKENIZER, negative=True).used > 0


def test_options_count():
    assert count_tokens("(a)", TOKENIZER, emphasis="None").used == 3
    assert count_tokens("{{a}}", TOKENIZER, syntax="NovelAI").used == 1
    assert count_tokens("a # b", TOKENIZER, comments=False).used == 3


def test_embeddings_count_as_many_tokens_as_they_have_vectors():
    index = EmbeddingIndex([EmbeddingWord("mycat", tuple(TOKENIZER.encode("mycat")), 8)])
    assert count_tokens("a mycat", TOKENIZER, embeddings=index).used == 9


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("(a", "()"), ("a]}", "[] {}"), (r"\(a", ""), (r"\\(a", "()"), ("(a) [b] {c}", "")],
)
def test_brackets_that_do_not_pair_up_are_named(text, wrong):
    assert unbalanced_brackets(text) == wrong


def test_a_long_prompt_is_counted_quickly():
    start = time.perf_counter()
    count_tokens("a cat, [a|b] (and:1.1) more, " * 400, TOKENIZER)
    assert time.perf_counter() - start < 3


def test_pairs_of_name_and_vectors_are_enough_to_count_embeddings():
    index = embedding_index((("tinyemb", 3), ("wide", 90)), TOKENIZER)
    assert str(count_tokens("a tinyemb cat", TOKENIZER, embeddings=index)) == "5/75"
    assert count_tokens("a wide cat", TOKENIZER, embeddings=index).room == 225
