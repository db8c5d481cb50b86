"""A small vocabulary for training: only the tokens that captions use, and one for all others.

The shipped file has CLIP's whole table of 49408 token vectors, so every tokenizer works with it.
While training only the rows that occur are kept; on export every other row becomes the vector of
"some unknown word", which training meets now and then, so that unknown words do little harm.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

import torch
from torch import Tensor

from modules.prompt.tokenizer import ClipTokenizer
from modules.training.world.captions import every_word
from modules.training.world.languages import LANGUAGES, foreign_caption, foreign_words
from modules.training.world.scene import WIDE, scene_at

LENGTH = 77
FULL_SIZE = 49408
UNKNOWN = 0
FOREIGN_CAPTIONS = 2500


@dataclass(frozen=True)
class Vocabulary:
    """`ids` are the CLIP ids that have a row of their own: ids[k] has row k + 1, the rest row 0."""

    ids: tuple[int, ...]

    @property
    def size(self) -> int:
        """Rows in the small table."""
        return len(self.ids) + 1

    def rows(self, text: str, junk: Random | None = None) -> list[int]:
        """The row numbers of a prompt: start, words, end, and ends up to 77 in all.

        `junk` puts one or two unknown words somewhere into the text.
        """
        tokenizer, table = ClipTokenizer.load(), _table(self.ids)
        words = [table.get(token, UNKNOWN) for token in tokenizer.encode(text)]
        if junk is not None:
            for _ in range(junk.randint(1, 2)):
                words.insert(junk.randint(0, len(words)), UNKNOWN)
        end = table[tokenizer.end]
        rows = [table[tokenizer.start], *words[: LENGTH - 2], end]
        return rows + [end] * (LENGTH - len(rows))

    def widened(self, small: Tensor, older: "Vocabulary") -> Tensor:
        """A small table (older.size, width) for this vocabulary: new words begin as unknown."""
        wide = small[UNKNOWN].repeat(self.size, 1)
        known = _table(older.ids)
        for row, token in enumerate(self.ids, start=1):
            if token in known:
                wide[row] = small[known[token]]
        return wide

    def full(self, small: Tensor) -> Tensor:
        """The whole table (49408, width) for the shipped file."""
        table = small[UNKNOWN].repeat(FULL_SIZE, 1)
        table[torch.tensor(self.ids)] = small[1:]
        return table


@lru_cache(maxsize=4)
def _table(ids: tuple[int, ...]) -> dict[int, int]:
    return {token: row for row, token in enumerate(ids, start=1)}


@lru_cache(maxsize=1)
def world_vocabulary() -> Vocabulary:
    """The vocabulary of everything captions of the world can say.

    Chinese and Japanese have no spaces: which tokens a word becomes depends on its neighbours, so
    theirs are gathered from many captions too.
    """
    tokenizer = ClipTokenizer.load()
    ids = {tokenizer.start, tokenizer.end}
    rng = Random("foreign words")
    foreign = [
        foreign_caption(scene_at(WIDE, number, seed=11), name, rng)
        for number in range(FOREIGN_CAPTIONS)
        for name in LANGUAGES
    ]
    for text in (*every_word(), *foreign_words(), *foreign):
        ids.update(tokenizer.encode(text))
    return Vocabulary(tuple(sorted(ids)))
