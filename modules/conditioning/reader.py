"""Texts through a model's text encoders: cut into chunks, encoded, weighted, joined."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from modules.conditioning.clip import encode_clip
from modules.conditioning.emphasis import EMPHASES
from modules.conditioning.options import ConditioningOptions
from modules.conditioning.reading import Reader, Reading, extended
from modules.conditioning.textual_inversion import Embeddings
from modules.conditioning.words import PromptOfClipAndWords, WordReader, WordsWithPooledClip
from modules.model.families.record import TextTower
from modules.model.loader import Model
from modules.model.networks.bert import Bert
from modules.model.networks.clip_text import ClipText
from modules.model.networks.t5 import T5
from modules.prompt.chunks import (
    WINDOW,
    Chunk,
    ChunkedText,
    EmbeddingIndex,
    chunk_in_old_way,
    chunk_prompt,
)
from modules.prompt.tokenizer import ClipTokenizer
from modules.prompt.word_tokenizers import (
    BERT_FILES,
    T5_FILES,
    WordTokenizer,
    find_file,
    read_bert,
    read_t5,
)

PLAIN = TextTower(prefix="")
"""A text encoder as in Stable Diffusion 1."""


class ClipReader:
    """One of CLIP's text encoders, with its tokenizer."""

    def __init__(self, encoder: ClipText, tower: TextTower = PLAIN) -> None:
        self.encoder, self.tower = encoder, tower
        self.tokenizer = ClipTokenizer.load(unescape=tower.layout == "open_clip")
        self._known: Embeddings | None = None
        self._index = EmbeddingIndex()

    @property
    def key(self) -> Hashable:
        """The encoder, and how it computes at present."""
        weight = next(self.encoder.parameters())
        return (id(self.encoder), weight.device, weight.dtype)

    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """Chunk after chunk; texts that have ended are filled with empty chunks."""
        if self._known is not embeddings:
            self._known, self._index = embeddings, embeddings.index(self.tokenizer)
        chunked = [self._chunk(text, options) for text in texts]
        length = max(len(text.chunks) for text in chunked)
        columns = [_column(chunked, number, self.tokenizer) for number in range(length)]
        states, pooled = zip(
            *(self._encode(column, rows, options, embeddings) for column in columns), strict=True
        )
        names = (fix.name for text in chunked for chunk in text.chunks for fix in chunk.fixes)
        return Reading(torch.cat(states, dim=1), tuple(dict.fromkeys(names)), pooled[0])

    def _chunk(self, text: str, options: ConditioningOptions) -> ChunkedText:
        if options.old_emphasis:
            return chunk_in_old_way(text, self.tokenizer, self._index)
        return chunk_prompt(
            text,
            self.tokenizer,
            self._index,
            backtrack=options.comma_backtrack,
            syntax=options.syntax,
            parse=EMPHASES[options.emphasis].parses,
        )

    @torch.no_grad()
    def _encode(
        self,
        chunks: Sequence[Chunk],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> tuple[Tensor, Tensor | None]:
        """Encode one chunk of every distinct text to (texts, 77, dim), and (texts, width).

        The mean that "Original" keeps is over all versions, repeated ones included, so texts are
        repeated for the emphasis and the first of each kept. Vectors for whole texts are not
        weighted.
        """
        names = {fix.name for chunk in chunks for fix in chunk.fixes}
        vectors = {name: embeddings.vectors(name, self.tower.name) for name in names}
        skips = self.tower.clip_skip or (options.clip_skip_sdxl and self.tower.layout == "clip")
        depth = options.clip_skip if skips else self.tower.depth
        z, pooled = encode_clip(self.encoder, chunks, vectors, depth=depth, tower=self.tower)
        weights = torch.tensor([chunk.weights for chunk in chunks], device=z.device)
        weighted = EMPHASES[options.emphasis].weigh(z[rows], weights[rows])
        return weighted[[rows.index(text) for text in range(len(chunks))]], pooled


class JoinedReader:
    """Several encoders of the same texts, their channels one after the other (SDXL)."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self.readers = tuple(readers)

    @property
    def key(self) -> Hashable:
        """All encoders."""
        return tuple(reader.key for reader in self.readers)

    def read(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        options: ConditioningOptions,
        embeddings: Embeddings,
    ) -> Reading:
        """The vectors for whole texts are the last encoder's that has any."""
        readings = [reader.read(texts, rows, options, embeddings) for reader in self.readers]
        length = max(reading.tokens.shape[1] for reading in readings)
        names = (name for reading in readings for name in reading.embeddings)
        pooled = [reading.pooled for reading in readings if reading.pooled is not None]
        return Reading(
            torch.cat([extended(reading.tokens, length) for reading in readings], dim=-1),
            tuple(dict.fromkeys(names)),
            pooled[-1] if pooled else None,
        )


def reader_for(model: Model) -> Reader:
    """What reads prompts for a model."""
    readers = {tower.name: _one_reader(model, tower) for tower in model.family.text}
    if len(readers) == 1:
        return next(iter(readers.values()))
    if model.family.joining == "channels":
        return JoinedReader(tuple(readers.values()))
    words = readers.pop("t5xxl", None)
    if model.family.joining == "t5 after clip":
        return PromptOfClipAndWords(tuple(readers.values()), words, model.unet.config.context_dim)
    assert words is not None, "this family's models do not draw without T5"
    return WordsWithPooledClip(readers["clip_l"], words)


def _one_reader(model: Model, tower: TextTower) -> Reader:
    """What reads prompts with one of a model's text encoders."""
    encoder = model.text_encoders[tower.name]
    places = model.vocabularies(tower)
    if isinstance(encoder, Bert):
        find = partial(_read_vocabulary, read_bert, places, BERT_FILES, "BERT (bert-base-uncased)")
        return WordReader(encoder, find, encoder.config.positions)
    if isinstance(encoder, T5):
        find = partial(_read_vocabulary, read_t5, places, T5_FILES, "T5")
        guided = getattr(model.unet.config, "guidance", True)
        return WordReader(encoder, find, tower.length if guided else tower.length // 2)
    return ClipReader(cast(ClipText, encoder), tower)


def _read_vocabulary(
    read: Callable[[Path], WordTokenizer], places: list[Path], files: Sequence[str], title: str
) -> WordTokenizer:
    return read(find_file(places, files, title))


def _column(texts: Iterable[ChunkedText], number: int, tokenizer: ClipTokenizer) -> list[Chunk]:
    """Chunk `number` of every text; texts that have ended are filled with empty chunks."""
    empty = Chunk((tokenizer.start, *(tokenizer.end,) * (WINDOW - 1)), (1.0,) * WINDOW)
    return [text.chunks[number] if number < len(text.chunks) else empty for text in texts]
