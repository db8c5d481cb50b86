"""Prompts to conditioning: what the network is told at each step, for every image of a batch."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from modules.conditioning.clip import encode_clip
from modules.conditioning.emphasis import EMPHASES
from modules.conditioning.textual_inversion import Embedding, Embeddings
from modules.errors import NotFound
from modules.model.networks.clip_text import ClipText
from modules.prompt.chunks import (
    SYNTAXES,
    WINDOW,
    Chunk,
    ChunkedText,
    chunk_in_old_way,
    chunk_prompt,
)
from modules.prompt.compose import split_composition
from modules.prompt.schedule import parse_schedule, select
from modules.prompt.tokenizer import ClipTokenizer
from modules.schema.request import TextOptions

Padding = Literal["none", "empty", "v0"]

CACHED_PROMPTS = 64
KEPT_STEPS = 8


@dataclass(frozen=True, kw_only=True)
class ConditioningOptions:
    """How prompts are read and encoded; everything here changes pixels."""

    clip_skip: int = 1
    """Which of the encoder's layers is used, counted from the last, which is 1."""
    emphasis: str = "Original"
    """A name in EMPHASES."""
    syntax: str = "A1111"
    """A name in SYNTAXES."""
    comma_backtrack: int = 20
    padding: Padding = "none"
    """What fills the shorter of prompt and negative prompt: nothing, encodings of the empty prompt,
    or its own last token (v0, which also cuts a longer negative prompt)."""
    old_emphasis: bool = False
    old_scheduling: bool = False

    @classmethod
    def of(cls, text: TextOptions) -> "ConditioningOptions":
        """The options a request asks for; of the two paddings v0 has priority."""
        padding: Padding = "v0" if text.pad_cond_uncond_v0 else "none"
        if text.pad_cond_uncond and padding == "none":
            padding = "empty"
        return cls(
            clip_skip=text.clip_skip,
            emphasis=text.emphasis,
            syntax=text.syntax,
            comma_backtrack=text.comma_backtrack,
            padding=padding,
            old_emphasis=text.old_emphasis,
            old_scheduling=text.old_scheduling,
        )

    def check(self) -> None:
        """Raise NotFound for a mode that does not exist."""
        if self.emphasis not in EMPHASES:
            raise NotFound("emphasis mode", self.emphasis, EMPHASES)
        if self.syntax not in SYNTAXES:
            raise NotFound("prompt syntax", self.syntax, SYNTAXES)


@dataclass(frozen=True, eq=False)
class EncodedSchedule:
    """One prompt, encoded for every step."""

    ends: tuple[int, ...]
    """The last step each version is for."""
    tensors: tuple[Tensor, ...]
    """The versions, each (tokens, dim), all of the same length."""
    embeddings: tuple[str, ...] = ()
    """Names of the textual inversions in it."""
    has_brackets: bool = False
    """Whether some version has brackets, so that the emphasis mode is of consequence."""

    def index_at(self, evaluation: int) -> int:
        """Which version the denoiser's call number `evaluation` (from 0) uses."""
        return select(self.ends, evaluation)

    def at(self, evaluation: int) -> Tensor:
        """The version (tokens, dim) for the denoiser's call number `evaluation` (from 0)."""
        return self.tensors[self.index_at(evaluation)]

    @property
    def entries(self) -> list[tuple[int, Tensor]]:
        """Pairs of last step and tensor, in order."""
        return list(zip(self.ends, self.tensors, strict=True))


@dataclass(frozen=True, eq=False)
class StepConditioning:
    """What the network is told at one step."""

    cond: Tensor
    """Every part of every image, one after the other: (parts, tokens, dim)."""
    weights: tuple[tuple[float, ...], ...]
    """For each image, the weights of its parts, in the order of `cond`."""
    uncond: Tensor
    """The negative prompts: (images, tokens, dim); its length may differ from `cond`'s."""
    padded: bool = False
    """Whether the padding option had anything to do."""

    @property
    def images(self) -> list[list[tuple[Tensor, float]]]:
        """For each image its parts: (tokens, dim) and weight."""
        rows = iter(self.cond)
        return [[(next(rows), weight) for weight in parts] for parts in self.weights]

    @property
    def part_images(self) -> list[int]:
        """For each row of `cond`, the image it belongs to."""
        return [image for image, parts in enumerate(self.weights) for _ in parts]


@dataclass(eq=False)
class Conditioning:
    """The prompts of a batch, encoded for a whole pass."""

    parts: tuple[tuple[tuple[EncodedSchedule, float], ...], ...]
    """For each image, its parts and their weights."""
    uncond: tuple[EncodedSchedule, ...]
    padding: Padding = "none"
    empty: Tensor | None = None
    """The empty prompt (77, dim); needed for the padding "empty"."""
    _steps: dict[tuple[int, ...], StepConditioning] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def schedules(self) -> list[EncodedSchedule]:
        """Everything encoded: parts first, then negative prompts."""
        return [part for parts in self.parts for part, _ in parts] + list(self.uncond)

    @property
    def texts(self) -> list[EncodedSchedule]:
        """The distinct texts: those of the prompts, then those of the negative prompts."""
        parts = [part for parts in self.parts for part, _ in parts]
        return [*dict.fromkeys(parts), *dict.fromkeys(self.uncond)]

    @property
    def embeddings(self) -> list[str]:
        """Names of all textual inversions used, in order of appearance."""
        names = (name for schedule in self.schedules for name in schedule.embeddings)
        return list(dict.fromkeys(names))

    @property
    def has_brackets(self) -> bool:
        """Whether the emphasis mode was of any consequence."""
        return any(schedule.has_brackets for schedule in self.schedules)

    def at(self, evaluation: int) -> StepConditioning:
        """What the denoiser's call number `evaluation` (from 0) is told.

        Calls with the same versions of every prompt share one result, while it is recent.
        """
        key = tuple(schedule.index_at(evaluation) for schedule in self.schedules)
        if key not in self._steps:
            if len(self._steps) >= KEPT_STEPS:
                self._steps.clear()
            self._steps[key] = self._step(evaluation)
        return self._steps[key]

    def _step(self, evaluation: int) -> StepConditioning:
        cond = stack([part.at(evaluation) for parts in self.parts for part, _ in parts])
        uncond = stack([schedule.at(evaluation) for schedule in self.uncond])
        weights = tuple(tuple(weight for _, weight in parts) for parts in self.parts)
        lengths = cond.shape[1], uncond.shape[1]
        if lengths[0] == lengths[1] or self.padding == "none":
            return StepConditioning(cond, weights, uncond)
        if self.padding == "v0":
            uncond = extend(uncond[:, : lengths[0]], lengths[0])
        else:
            assert self.empty is not None, "this padding needs the empty prompt"
            cond = fill(cond, self.empty, max(lengths))
            uncond = fill(uncond, self.empty, max(lengths))
        return StepConditioning(cond, weights, uncond, padded=True)


def stack(rows: Sequence[Tensor]) -> Tensor:
    """Stack (tokens, dim) tensors; shorter ones repeat their last token."""
    length = max(row.shape[0] for row in rows)
    return torch.cat([extend(row[None], length) for row in rows])


def extend(rows: Tensor, length: int) -> Tensor:
    """Repeat the last token of (rows, tokens, dim) until there are `length`."""
    missing = length - rows.shape[1]
    return torch.cat([rows, rows[:, -1:].expand(-1, missing, -1)], dim=1) if missing else rows


def fill(rows: Tensor, empty: Tensor, length: int) -> Tensor:
    """Append whole empty prompts (77, dim) to (rows, tokens, dim) until there are `length`."""
    copies = (length - rows.shape[1]) // empty.shape[0]
    if copies == 0:
        return rows
    return torch.cat([rows, empty.repeat(copies, 1)[None].expand(rows.shape[0], -1, -1)], dim=1)


class Conditioner:
    """Encodes prompts with one model's text encoder, and remembers recent ones."""

    def __init__(
        self,
        tokenizer: ClipTokenizer,
        text_encoder: ClipText,
        embeddings: Embeddings | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder
        self._own = self._embeddings = embeddings or Embeddings()
        self._lent: tuple[Embedding, ...] = ()
        self._index = self._embeddings.index(tokenizer)
        self._cache: OrderedDict[Hashable, EncodedSchedule] = OrderedDict()

    @property
    def embeddings(self) -> Embeddings:
        """The textual inversions whose names mean something in prompts."""
        return self._embeddings

    @embeddings.setter
    def embeddings(self, embeddings: Embeddings) -> None:
        """Use other textual inversions from now on."""
        self._own = embeddings
        self._embeddings = embeddings.plus(self._lent)
        self._index = self._embeddings.index(self.tokenizer)

    def lend(self, embeddings: Sequence[Embedding]) -> None:
        """Until the next call also know these, which came with a network; own names go first."""
        if tuple(embeddings) != self._lent:
            self._lent = tuple(embeddings)
            self.embeddings = self._own

    def conditions(
        self,
        prompts: Sequence[str],
        negative_prompts: Sequence[str],
        *,
        steps: int,
        hires_steps: int | None = None,
        options: ConditioningOptions | None = None,
        weights_key: Hashable = (),
    ) -> Conditioning:
        """Encode the prompts of a batch, without comments and networks, for one pass.

        `steps` and `hires_steps` count calls of the denoiser; the latter is for the hires pass.
        `weights_key` names what is patched into the encoder at present (networks and their
        multipliers), because the cache must not mix encodings of different weights.
        """
        options = options or ConditioningOptions()

        def encode(text: str) -> EncodedSchedule:
            return self.encode_schedule(
                text, steps, options, hires_steps=hires_steps, weights_key=weights_key
            )

        parts = tuple(
            tuple((encode(part.text), part.weight) for part in split_composition(prompt))
            for prompt in prompts
        )
        uncond = tuple(encode(prompt) for prompt in negative_prompts)
        empty = encode("").tensors[0] if options.padding == "empty" else None
        return Conditioning(parts, uncond, options.padding, empty)

    def encode_schedule(
        self,
        text: str,
        steps: int,
        options: ConditioningOptions | None = None,
        *,
        hires_steps: int | None = None,
        weights_key: Hashable = (),
    ) -> EncodedSchedule:
        """Encode every version of one prompt part; a part encoded recently costs nothing."""
        options = options or ConditioningOptions()
        options.check()
        encoder = self._encoder_key()
        versions = tuple(parse_schedule(text, steps, hires_steps, old=options.old_scheduling))
        key = (versions, options, weights_key, self._embeddings.fingerprint, encoder)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        encoded = self._encode([version.text for version in versions], options)
        result = EncodedSchedule(
            tuple(version.end for version in versions),
            encoded[0],
            encoded[1],
            any(mark in version.text for version in versions for mark in "(["),
        )
        self._cache[key] = result
        if len(self._cache) > CACHED_PROMPTS:
            self._cache.popitem(last=False)
        return result

    def forget(self) -> None:
        """Empty the cache, to give its memory back."""
        self._cache.clear()

    def _encoder_key(self) -> Hashable:
        weight = next(self.text_encoder.parameters())
        return (id(self.text_encoder), weight.device, weight.dtype)

    def _encode(
        self, texts: Sequence[str], options: ConditioningOptions
    ) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
        """Encode the versions of a prompt together; also name the embeddings used."""
        unique = list(dict.fromkeys(texts))
        rows = [unique.index(text) for text in texts]
        chunked = [self._chunk(text, options) for text in unique]
        columns = [_column(chunked, number, self.tokenizer) for number in range(_length(chunked))]
        tokens = torch.cat([self._encode_column(column, rows, options) for column in columns], 1)
        fixes = (fix.name for text in chunked for chunk in text.chunks for fix in chunk.fixes)
        return tuple(tokens[row] for row in rows), tuple(dict.fromkeys(fixes))

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
    def _encode_column(
        self, chunks: Sequence[Chunk], rows: Sequence[int], options: ConditioningOptions
    ) -> Tensor:
        """Encode one chunk of every distinct text to (texts, 77, dim).

        The mean that "Original" keeps is over all versions, repeated ones included, so texts are
        repeated for the emphasis and the first of each kept.
        """
        names = {fix.name for chunk in chunks for fix in chunk.fixes}
        vectors = {name: self._embeddings.vectors(name) for name in names}
        z = encode_clip(self.text_encoder, chunks, vectors, clip_skip=options.clip_skip)
        weights = torch.tensor([chunk.weights for chunk in chunks], device=z.device)
        weighted = EMPHASES[options.emphasis].weigh(z[rows], weights[rows])
        return weighted[[rows.index(text) for text in range(len(chunks))]]


def _length(texts: Iterable[ChunkedText]) -> int:
    return max(len(text.chunks) for text in texts)


def _column(texts: Sequence[ChunkedText], number: int, tokenizer: ClipTokenizer) -> list[Chunk]:
    """Chunk `number` of every text; texts that have ended are filled with empty chunks."""
    empty = Chunk((tokenizer.start, *(tokenizer.end,) * (WINDOW - 1)), (1.0,) * WINDOW)
    return [text.chunks[number] if number < len(text.chunks) else empty for text in texts]
