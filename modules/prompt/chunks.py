"""Prompts cut into chunks of 75 tokens, the length CLIP was trained for.

Nothing here needs torch, so that tokens can be counted while a prompt is being typed.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from modules.prompt.attention import Segment, parse_attention
from modules.prompt.novelai import parse_novelai
from modules.prompt.tokenizer import ClipTokenizer

CHUNK_LENGTH = 75
WINDOW = CHUNK_LENGTH + 2
PLACEHOLDER = 0
"""The token that holds an embedding's place until its vectors are put there."""

SYNTAXES: dict[str, Callable[[str], list[Segment]]] = {
    "A1111": parse_attention,
    "NovelAI": parse_novelai,
}
"""How weights are written in a prompt, by name."""


class EmbeddingWord(NamedTuple):
    """A textual inversion as the text sees it: its name in tokens, and how many it becomes."""

    name: str
    ids: tuple[int, ...]
    vectors: int


class EmbeddingIndex:
    """Finds the names of embeddings among tokens, the longest name first."""

    def __init__(self, words: Iterable[EmbeddingWord] = ()) -> None:
        self._by_first: dict[int, list[EmbeddingWord]] = {}
        for word in words:
            if word.ids:
                self._by_first.setdefault(word.ids[0], []).append(word)
        for group in self._by_first.values():
            group.sort(key=lambda word: len(word.ids), reverse=True)

    def find(self, tokens: Sequence[int], position: int) -> EmbeddingWord | None:
        """Return the embedding whose whole name stands at `position`, if there is one."""
        for word in self._by_first.get(tokens[position], ()):
            if tuple(tokens[position : position + len(word.ids)]) == word.ids:
                return word
        return None


class Fix(NamedTuple):
    """An embedding in a chunk: its vectors replace the tokens from `offset` (without the start)."""

    offset: int
    name: str
    vectors: int


@dataclass(frozen=True)
class Chunk:
    """77 tokens, with the marks of start and end, their weights, and the embeddings among them."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class ChunkedText:
    """A whole prompt in chunks, and the number of tokens the counter shows for it."""

    chunks: tuple[Chunk, ...]
    count: int

    @cached_property
    def room(self) -> int:
        """How many tokens fit before another chunk is needed; the counter's second number."""
        return max(1, math.ceil(self.count / CHUNK_LENGTH)) * CHUNK_LENGTH


class _Cutter:
    """Collects tokens, and closes a chunk when it is full."""

    def __init__(self, tokenizer: ClipTokenizer, backtrack: int) -> None:
        self._tokenizer = tokenizer
        self._backtrack = backtrack
        self._tokens: list[int] = []
        self._weights: list[float] = []
        self._fixes: list[Fix] = []
        self._after_comma: int | None = None
        self.chunks: list[Chunk] = []
        self.count = 0

    def close(self, *, last: bool = False) -> None:
        """Fill the chunk up to 75 tokens, put the marks around it and begin the next."""
        self.count += len(self._tokens) if last else CHUNK_LENGTH
        missing = CHUNK_LENGTH - len(self._tokens)
        ends = (self._tokenizer.end,) * (missing + 1)
        tokens = (self._tokenizer.start, *self._tokens, *ends)
        weights = (1.0, *self._weights, *(1.0 for _ in ends))
        self.chunks.append(Chunk(tokens, weights, tuple(self._fixes)))
        self._tokens, self._weights, self._fixes = [], [], []
        self._after_comma = None

    def make_room(self, token: int) -> None:
        """Before a token is taken: end a full chunk, if possible at its last comma."""
        length = len(self._tokens)
        cut = self._after_comma
        if token == self._tokenizer.comma:
            self._after_comma = length + 1
        elif (
            self._backtrack
            and length == CHUNK_LENGTH
            and cut is not None
            and length - (cut - 1) <= self._backtrack
        ):
            self._close_at(cut)
        if len(self._tokens) == CHUNK_LENGTH:
            self.close()

    def _close_at(self, cut: int) -> None:
        # Tokens move to the next chunk, embeddings among them do not: A1111 leaves their vectors
        # at the old place, and pixels depend on it.
        moved = self._tokens[cut:], self._weights[cut:]
        del self._tokens[cut:], self._weights[cut:]
        self.close()
        self._tokens, self._weights = moved

    def token(self, token: int, weight: float) -> None:
        """Take one token."""
        self._tokens.append(token)
        self._weights.append(weight)

    def embedding(self, word: EmbeddingWord, weight: float) -> None:
        """Take an embedding; it is never divided between chunks."""
        vectors = min(word.vectors, CHUNK_LENGTH)
        if len(self._tokens) + vectors > CHUNK_LENGTH:
            self.close()
        self._fixes.append(Fix(len(self._tokens), word.name, vectors))
        self._tokens += [PLACEHOLDER] * vectors
        self._weights += [weight] * vectors

    def finish(self) -> ChunkedText:
        """Close the last chunk and return them all; there is always at least one."""
        if self._tokens or not self.chunks:
            self.close(last=True)
        return ChunkedText(tuple(self.chunks), self.count)


def chunk_segments(
    segments: Iterable[Segment],
    tokenizer: ClipTokenizer,
    embeddings: EmbeddingIndex,
    *,
    backtrack: int = 20,
) -> ChunkedText:
    """Tokenise segments one by one and cut them into chunks.

    When a chunk is full, the words after its last comma move to the next chunk, if they are at
    most `backtrack` tokens; 0 switches this off. BREAK begins a new chunk.
    """
    cutter = _Cutter(tokenizer, backtrack)
    for segment in segments:
        if segment.is_break:
            cutter.close()
            continue
        tokens = tokenizer.encode(segment.text)
        position = 0
        while position < len(tokens):
            cutter.make_room(tokens[position])
            word = embeddings.find(tokens, position)
            if word is None:
                cutter.token(tokens[position], segment.weight)
                position += 1
            else:
                cutter.embedding(word, segment.weight)
                position += len(word.ids)
    return cutter.finish()


def chunk_prompt(
    text: str,
    tokenizer: ClipTokenizer,
    embeddings: EmbeddingIndex | None = None,
    *,
    backtrack: int = 20,
    syntax: str = "A1111",
    parse: bool = True,
) -> ChunkedText:
    """Cut one prompt (without schedules) into chunks; `parse` off takes brackets as text."""
    segments = SYNTAXES[syntax](text) if parse else [Segment(text, 1.0)]
    return chunk_segments(segments, tokenizer, embeddings or EmbeddingIndex(), backtrack=backtrack)


_BRACKET_FACTORS = {"(": 1.1, ")": 1 / 1.1, "[": 1 / 1.1, "]": 1.1}


def bracket_factors(tokenizer: ClipTokenizer) -> dict[int, float]:
    """Tokens with brackets in them, and what each multiplies the weight of later ones by."""
    factors: dict[int, float] = {}
    for word, token in tokenizer.vocabulary().items():
        brackets = [_BRACKET_FACTORS[letter] for letter in word if letter in _BRACKET_FACTORS]
        if brackets:
            factors[token] = math.prod(brackets)
    return factors


def chunk_in_old_way(
    text: str, tokenizer: ClipTokenizer, embeddings: EmbeddingIndex | None = None
) -> ChunkedText:
    """A1111's *old emphasis implementation*: one chunk, weights from brackets among the tokens.

    Numbers and BREAK mean nothing; what does not fit into 75 tokens is dropped.
    """
    index = embeddings or EmbeddingIndex()
    factors = bracket_factors(tokenizer)
    tokens = tokenizer.encode(text)
    kept: list[int] = []
    weights: list[float] = []
    fixes: list[Fix] = []
    weight = 1.0
    position = 0
    while position < len(tokens) and len(kept) < CHUNK_LENGTH:
        word = index.find(tokens, position)
        if tokens[position] in factors:
            weight *= factors[tokens[position]]
            position += 1
        elif word is not None:
            fixes.append(Fix(len(kept), word.name, word.vectors))
            kept += [PLACEHOLDER] * word.vectors
            weights += [weight] * word.vectors
            position += len(word.ids)
        else:
            kept.append(tokens[position])
            weights.append(weight)
            position += 1
    kept, weights = kept[:CHUNK_LENGTH], weights[:CHUNK_LENGTH]
    ends = [tokenizer.end] * (CHUNK_LENGTH + 1 - len(kept))
    chunk = Chunk(
        (tokenizer.start, *kept, *ends), (1.0, *weights, *(1.0 for _ in ends)), tuple(fixes)
    )
    return ChunkedText((chunk,), len(kept))
