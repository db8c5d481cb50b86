"""The small vocabulary stands for CLIP's whole one."""

from random import Random

import torch

from modules.prompt.tokenizer import ClipTokenizer
from modules.training.vocabulary import FULL_SIZE, UNKNOWN, Vocabulary, world_vocabulary


def test_a_prompt_is_start_words_end_and_ends_up_to_77():
    vocabulary = world_vocabulary()
    rows = vocabulary.rows("a red ball")
    ids = [vocabulary.ids[row - 1] for row in rows]
    tokenizer = ClipTokenizer.load()
    assert ids[:5] == [tokenizer.start, *tokenizer.encode("a red ball"), tokenizer.end]
    assert set(ids[5:]) == {tokenizer.end} and len(ids) == 77


def test_a_long_prompt_still_ends():
    rows = world_vocabulary().rows("red ball " * 100)
    assert len(rows) == 77 and rows[-1] == rows[0] + 1


def test_unknown_words_share_one_row():
    assert world_vocabulary().rows("zebra")[1] == UNKNOWN
    assert UNKNOWN in world_vocabulary().rows("a red ball", Random(1))


def test_the_full_table_repeats_the_unknown_row_everywhere_else():
    vocabulary = world_vocabulary()
    small = torch.randn(vocabulary.size, 4)
    full = vocabulary.full(small)
    assert full.shape == (FULL_SIZE, 4)
    assert full[vocabulary.ids[3]].equal(small[4])
    assert full[12345].equal(small[UNKNOWN]) or 12345 in vocabulary.ids


def test_a_vocabulary_can_grow_without_losing_what_it_knew():
    older, newer = Vocabulary((5, 9)), Vocabulary((5, 7, 9))
    small = torch.arange(6.0).view(3, 2)
    assert newer.widened(small, older).tolist() == [[0, 1], [2, 3], [0, 1], [4, 5]]
