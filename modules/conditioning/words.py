"""Texts through encoders that read words of other vocabularies than CLIP's: BERT and T5."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import torch

from modules.conditioning.emphasis import EMPHASES
from modules.conditioning.options import ConditioningOptions
from modules.conditioning.reading import Reader, Reading, extended
from modules.conditioning.textual_inversion import Embeddings
from modules.model.networks.bert import Bert
from modules.model.networks.t5 import T5
from modules.prompt.attention import Segment
from modules.prompt.chunks import SYNTAXES
from modules.prompt.word_tokenizers import WordTokenizer


class Window(NamedTuple):
    """As many tokens as an encoder reads at once, and how much each counts."""

    ids: list[int]
    weights: list[float]


class WordReader:
    """An encoder with its tokenizer. Longer texts are read in windows, one after the other."""

    def __init__(
        self, encoder: Bert | T5, find_tokenizer: Callable[[], WordTokenizer], length: int
    ) -> None:
        """`find_tokenizer` is called for the first text; `length` is that of a window."""
        self.encoder, self.length = encoder, length
        self._keeps_mean = isinstance(encoder, Bert)
        self._find_tokenizer = find_tokenizer
        self._tokenizer: WordTokenizer | None = None

    @property
    def key(self) -> Hashable:
        """The encoder, and how it computes at present."""
        weight = next(self.encoder.parameters())
        return (id(self.encoder), weight.device, weight.dtype)

    @property
    def tokenizer(self) -> WordTokenizer:
        """The vocabulary. Raises ModelError while it is not there."""
        if self._tokenizer is None:
            self._tokenizer = self._find_tokenizer()
        return self._tokenizer

    @torch.no_grad()
    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """Textual inversions are words like others.

        The mean of what T5 says is next to zero, so it is not kept by any mode of emphasis.
        """
        mode = options.emphasis
        if mode == "Original" and not self._keeps_mean:
            mode = "No norm"
        windows = [self._windows(text, options) for text in texts]
        length = max(len(row) for row in windows)
        empty = self._window([])
        padded = [row + [empty] * (length - len(row)) for row in windows]
        device = next(self.encoder.parameters()).device
        columns = []
        for number in range(length):
            column = [row[number] for row in padded]
            ids = torch.tensor([window.ids for window in column], device=device)
            weights = torch.tensor([window.weights for window in column], device=device)
            z = self.encoder(ids).float()  # (texts, window, dim)
            weighted = EMPHASES[mode].weigh(z[rows], weights[rows])
            columns.append(weighted[[rows.index(text) for text in range(len(texts))]])
        return Reading(torch.cat(columns, dim=1))

    def _windows(self, text: str, options: ConditioningOptions) -> list[Window]:
        """Cut one text into windows; there is at least one."""
        parses = EMPHASES[options.emphasis].parses
        segments = SYNTAXES[options.syntax](text) if parses else [Segment(text, 1.0)]
        words: list[tuple[int, float]] = []
        for segment in segments:
            if not segment.is_break:
                ids = self.tokenizer.encode(segment.text)
                words += [(number, segment.weight) for number in ids]
        size = self.length - (1 if self.tokenizer.start is None else 2)  # marks take the rest
        parts = [words[start : start + size] for start in range(0, len(words), size)]
        return [self._window(part) for part in parts or [[]]]

    def _window(self, words: Sequence[tuple[int, float]]) -> Window:
        """Some words with marks around them; marks count 1."""
        ids = self.tokenizer.marked([number for number, _ in words], self.length)
        before = 0 if self.tokenizer.start is None else 1
        weights = [1.0] * before + [weight for _, weight in words]
        return Window(ids, weights + [1.0] * (self.length - len(weights)))


class PromptOfClipAndWords:
    """Stable Diffusion 3's way: CLIP's channels filled up with zeros, T5's tokens after them.

    Without T5, zeros stand for it, which the network knows from training (Esser et al. 2024,
    section 5.4).
    """

    MISSING = 77
    """Tokens of zeros in place of T5's."""

    def __init__(self, clip: Sequence[Reader], words: Reader | None, width: int) -> None:
        """`width` is that of T5, and of what the network is told."""
        self.clip, self.words, self.width = tuple(clip), words, width

    @property
    def key(self) -> Hashable:
        """All encoders."""
        readers = self.clip if self.words is None else (*self.clip, self.words)
        return tuple(reader.key for reader in readers)

    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """The vectors for whole texts are those of all of CLIP's encoders, joined."""
        readings = [reader.read(texts, rows, options, embeddings) for reader in self.clip]
        length = max(reading.tokens.shape[1] for reading in readings)
        joined = torch.cat([extended(reading.tokens, length) for reading in readings], dim=-1)
        filled = torch.nn.functional.pad(joined, (0, self.width - joined.shape[-1]))
        if self.words is None:
            after = filled.new_zeros(len(texts), self.MISSING, self.width)
        else:
            after = self.words.read(texts, rows, options, embeddings).tokens.to(filled.device)
        pooled = [reading.pooled for reading in readings if reading.pooled is not None]
        names = (name for reading in readings for name in reading.embeddings)
        return Reading(
            torch.cat([filled, after], dim=1), tuple(dict.fromkeys(names)), torch.cat(pooled, -1)
        )


class WordsWithPooledClip:
    """FLUX.1's way: T5's tokens, and of CLIP only the vector for the whole text."""

    def __init__(self, clip: Reader, words: Reader) -> None:
        self.clip, self.words = clip, words

    @property
    def key(self) -> Hashable:
        """Both encoders."""
        return (self.clip.key, self.words.key)

    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """Textual inversions change the vector only."""
        pooled = self.clip.read(texts, rows, options, embeddings)
        words = self.words.read(texts, rows, options, embeddings)
        return Reading(words.tokens, pooled.embeddings, pooled.pooled)
