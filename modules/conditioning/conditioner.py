"""Prompts to conditioning: what the network is told at each step, for every image of a batch."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from modules.conditioning.options import ConditioningOptions, Padding
from modules.conditioning.reading import Reader
from modules.conditioning.size_vector import PictureFacts, size_vector
from modules.conditioning.textual_inversion import Embedding, Embeddings
from modules.model.families.record import Family
from modules.prompt.compose import split_composition
from modules.prompt.schedule import parse_schedule, select

Block = Callable[[], AbstractContextManager[object]]
"""Opens a block in which the text encoders can compute."""

CACHED_PROMPTS = 64
KEPT_STEPS = 8


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
    pooled: tuple[Tensor, ...] = ()
    """One vector (width,) for the whole of each version, for families that use one."""
    is_empty: bool = False
    """Whether no version says anything."""

    def index_at(self, evaluation: int) -> int:
        """Which version the denoiser's call number `evaluation` (from 0) uses."""
        return select(self.ends, evaluation)

    def at(self, evaluation: int) -> Tensor:
        """The version (tokens, dim) for the denoiser's call number `evaluation` (from 0)."""
        return self.tensors[self.index_at(evaluation)]

    def pooled_at(self, evaluation: int) -> Tensor | None:
        """The version's vector (width,), if there is one."""
        return self.pooled[self.index_at(evaluation)] if self.pooled else None

    @property
    def zeros(self) -> "EncodedSchedule":
        """The same length of saying nothing at all."""
        return replace(
            self,
            tensors=tuple(torch.zeros_like(one) for one in self.tensors),
            pooled=tuple(torch.zeros_like(one) for one in self.pooled),
        )

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
    vectors: Tensor | None = None
    """Further numbers for every part (parts, width), for networks that take them."""
    uncond_vectors: Tensor | None = None
    """The same for the negative prompts: (images, width)."""

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
    told: Tensor | None = None
    """Numbers about the picture (width,) that follow the prompts' vectors."""
    told_uncond: Tensor | None = None
    """The same for the negative prompts."""
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

    def fill_vectors(self, width: int | None) -> None:
        """Tell a network that takes a vector of `width` numbers zeros, if there is nothing else."""
        nothing_known = self.told is None and not any(one.pooled for one in self.schedules)
        if width is not None and nothing_known:
            self.told = self.told_uncond = torch.zeros(width)

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
        vectors = vectors_of(
            [part.pooled_at(evaluation) for parts in self.parts for part, _ in parts], self.told
        )
        uncond_vectors = vectors_of(
            [schedule.pooled_at(evaluation) for schedule in self.uncond], self.told_uncond
        )
        lengths = cond.shape[1], uncond.shape[1]
        if lengths[0] == lengths[1] or self.padding == "none":
            return StepConditioning(cond, weights, uncond, False, vectors, uncond_vectors)
        if self.padding == "v0":
            uncond = extend(uncond[:, : lengths[0]], lengths[0])
        else:
            assert self.empty is not None, "this padding needs the empty prompt"
            cond = fill(cond, self.empty, max(lengths))
            uncond = fill(uncond, self.empty, max(lengths))
        return StepConditioning(cond, weights, uncond, True, vectors, uncond_vectors)


def vectors_of(pooled: Sequence[Tensor | None], told: Tensor | None) -> Tensor | None:
    """A row for each prompt: its vector, then the numbers about the picture."""
    rows = [[part for part in (one, told) if part is not None] for one in pooled]
    if not all(rows):
        return None
    return torch.stack([torch.cat([part.to(row[0].device) for part in row]) for row in rows])


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
    """Encodes prompts with one model's text encoders, and remembers recent ones."""

    def __init__(
        self, reader: Reader, embeddings: Embeddings | None = None, family: Family | None = None
    ) -> None:
        """`family` says what the network is told besides text; without one, nothing."""
        self.reader = reader
        self.family = family
        self._own = self._embeddings = embeddings or Embeddings()
        self._lent: tuple[Embedding, ...] = ()
        self.encoded = self.reused = 0
        """How many parts of prompts were encoded, and how many were known."""
        self._cache: OrderedDict[Hashable, EncodedSchedule] = OrderedDict()
        self._read: OrderedDict[Hashable, EncodedSchedule] = OrderedDict()
        """The newest of each sequence of texts, whatever steps they were for."""

    @property
    def embeddings(self) -> Embeddings:
        """The textual inversions whose names mean something in prompts."""
        return self._embeddings

    @embeddings.setter
    def embeddings(self, embeddings: Embeddings) -> None:
        """Use other textual inversions from now on."""
        self._own = embeddings
        self._embeddings = embeddings.plus(self._lent)

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
        facts: PictureFacts | None = None,
        ready: Block = nullcontext,
    ) -> Conditioning:
        """Encode the prompts of a batch, without comments and networks, for one pass.

        `steps` and `hires_steps` count calls of the denoiser; the latter is for the hires pass.
        `weights_key` names what is patched into the encoder at present (networks and their
        multipliers), because the cache must not mix encodings of different weights. `facts` are
        told to networks that want them. What is not known yet is encoded in a block of `ready`.
        """
        options = options or ConditioningOptions()

        def encode(text: str) -> EncodedSchedule:
            return self.encode_schedule(
                text, steps, options, hires_steps=hires_steps, weights_key=weights_key, ready=ready
            )

        parts = tuple(
            tuple((encode(part.text), part.weight) for part in split_composition(prompt))
            for prompt in prompts
        )
        uncond = tuple(encode(prompt) for prompt in negative_prompts)
        if self.family is not None and self.family.zero_empty_negative:
            uncond = tuple(one.zeros if one.is_empty else one for one in uncond)
        empty = encode("").tensors[0] if options.padding == "empty" else None
        conditioning = Conditioning(parts, uncond, options.padding, empty)
        if self.family is not None and facts is not None:
            conditioning.told = size_vector(self.family.size_facts, facts, facts.score)
            conditioning.told_uncond = size_vector(
                self.family.size_facts, facts, facts.negative_score
            )
        return conditioning

    def encode_schedule(
        self,
        text: str,
        steps: int,
        options: ConditioningOptions | None = None,
        *,
        hires_steps: int | None = None,
        weights_key: Hashable = (),
        ready: Block = nullcontext,
    ) -> EncodedSchedule:
        """Encode every version of one prompt part; what was encoded recently costs nothing.

        The same texts for other steps are the same tensors with other ends.
        """
        options = options or ConditioningOptions()
        options.check()
        versions = tuple(parse_schedule(text, steps, hires_steps, old=options.old_scheduling))
        texts = tuple(version.text for version in versions)
        ends = tuple(version.end for version in versions)
        read = (texts, options, weights_key, self._embeddings.fingerprint, self.reader.key)
        known = self._cache.get((ends, read))
        if known is None and read in self._read:
            known = replace(self._read[read], ends=ends)
        if known is None:
            self.encoded += 1
            with ready():
                known = self._encoded(texts, ends, options)
        else:
            self.reused += 1
        for cache, key in ((self._cache, (ends, read)), (self._read, read)):
            cache[key] = known
            cache.move_to_end(key)
            if len(cache) > CACHED_PROMPTS:
                cache.popitem(last=False)
        return known

    def _encoded(
        self, texts: tuple[str, ...], ends: tuple[int, ...], options: ConditioningOptions
    ) -> EncodedSchedule:
        """Ask the encoders about the versions of one prompt part."""
        unique = list(dict.fromkeys(texts))
        rows = [unique.index(text) for text in texts]
        reading = self.reader.read(unique, rows, options, self._embeddings)
        return EncodedSchedule(
            ends,
            tuple(reading.tokens[row] for row in rows),
            reading.embeddings,
            any(mark in text for text in texts for mark in "(["),
            () if reading.pooled is None else tuple(reading.pooled[row] for row in rows),
            not any(texts),
        )

    def forget(self) -> None:
        """Empty the cache, to give its memory back."""
        self._cache.clear()
        self._read.clear()
