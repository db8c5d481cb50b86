"""Classifier-free guidance (Ho and Salimans 2022), as a sampler sees it: one denoiser.

Order of rows and of additions are as in A1111's webui: pictures depend on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import torch
from torch import Tensor

from modules.errors import InvalidRequest, ModelError
from modules.sampling.prediction import Prediction


class Conditions(Protocol):
    """What one evaluation of a batch is conditioned on."""

    @property
    def cond(self) -> Tensor:
        """Every part of every picture, one after the other: (rows, tokens, width)."""
        ...

    @property
    def weights(self) -> Sequence[Sequence[float]]:
        """For each picture the weights of its parts: more than one where texts are joined."""
        ...

    @property
    def uncond(self) -> Tensor:
        """The negative prompts: (pictures, tokens, width), perhaps of another length."""
        ...

    @property
    def vectors(self) -> Tensor | None:
        """A vector for every row of `cond`, for networks that take one: (rows, width)."""
        ...

    @property
    def uncond_vectors(self) -> Tensor | None:
        """The same for the negative prompts: (pictures, width)."""
        ...


@dataclass(frozen=True)
class Told:
    """What the network is told of some rows, where it is more than text."""

    text: Tensor
    """(rows, tokens, width)"""
    pictures: Tensor | None = None
    """Further channels (rows, channels, h, w)."""
    vectors: Tensor | None = None
    """(rows, width)"""
    rows: tuple[tuple[int, int], ...] | None = None
    """Picture and part of each row, for those who treat them apart; negatives are parts below 0."""

    @property
    def negative(self) -> tuple[bool, ...]:
        """Which rows stand for what is not wanted; nothing if rows are not told apart."""
        return tuple(part < 0 for _, part in self.rows or ())


@dataclass(frozen=True, kw_only=True)
class GuidanceOptions:
    """How strongly and when to guide.

    `minimum_sigma` leaves the negative prompt out below that level, on every second evaluation or
    on all; `skip_early` leaves it out for that share of the pass. `rescale` is the phi of Lin et
    al. 2023, equation 16. `one_call` evaluates texts and negatives together where they are equally
    long. `always_uncond` forbids the shortcut at scale 1. `picture_scale` is how strongly to follow
    the picture, for networks that edit one; 1 is the usual guidance.
    """

    scale: float = 7.0
    minimum_sigma: float = 0.0
    minimum_sigma_always: bool = False
    skip_early: float = 0.0
    rescale: float = 0.0
    one_call: bool = True
    always_uncond: bool = False
    picture_scale: float = 1.0


Before = Callable[[Tensor, Tensor], Tensor]
After = Callable[[Tensor, Tensor, Tensor], Tensor]
Rows = Callable[[Tensor, Tensor], Tensor]


class Guidance:
    """The guided model of one pass; counts its evaluations.

    At scale 1 with a single part of weight 1 the negative prompt cancels out and is not
    evaluated; the result equals the full formula up to the rounding of u + (c - u).
    """

    def __init__(
        self,
        predict: Prediction,
        conditions: Callable[[int], Conditions],
        total: int,
        options: GuidanceOptions,
        *,
        before: Sequence[Before] = (),
        after: Sequence[After] = (),
        heard: Sequence[Rows] = (),
        picture_conditions: Tensor | None = None,
        marks_rows: bool = False,
    ) -> None:
        """`conditions(k)` are those of evaluation k of nominally `total`.

        `before(x, level)` may change what is evaluated, `heard(rows, level)` what the network
        answered (texts, then negatives), `after(combined, x, level)` the result.
        With `picture_conditions`, (batch, channels, h, w), or vectors among the conditions, the
        network's context is a `Told`; with `marks_rows` it always is, and tells what each row is.
        """
        self.marks_rows = marks_rows
        self.picture_conditions = picture_conditions
        self.predict, self.conditions, self.total = predict, conditions, total
        self.options, self.before, self.after, self.heard = options, before, after, heard
        self.count = 0
        self.last_uncond: Tensor | None = None

    def __call__(self, x: Tensor, level: Tensor) -> Tensor:
        """Evaluate (batch, channels, h, w) at a 0-d noise level or timestep."""
        for change in self.before:
            x = change(x, level)
        now = self.conditions(self.count)
        scale = self.options.scale
        if self.options.picture_scale != 1 and self.picture_conditions is not None:
            combined, self.last_uncond = self._edited(x, level, now)
            return self._finished(combined, x, level)
        if self._skips(level):
            scale = 1.0
            parts, uncond = self._without_negative(x, level, now)
        elif self._cancels(now):
            parts, uncond = self._without_negative(x, level, now)
        else:
            parts, uncond = self._with_negative(x, level, now)
        combined = _combine(parts, uncond, now.weights, scale)
        if self.options.rescale and scale != 1:
            plain = _combine(parts, uncond, now.weights, 1.0)
            combined = self._rescale(x, level, combined, plain)
        self.last_uncond = uncond
        return self._finished(combined, x, level)

    def _finished(self, combined: Tensor, x: Tensor, level: Tensor) -> Tensor:
        """The result of an evaluation, as attachments leave it."""
        for alter in self.after:
            combined = alter(combined, x, level)
        self.count += 1
        return combined

    def _skips(self, level: Tensor) -> bool:
        """Whether this evaluation goes without the negative prompt and without guidance."""
        wish = self.options
        if wish.skip_early and self.count / self.total <= wish.skip_early:
            return True
        if wish.minimum_sigma <= 0 or float(level) >= wish.minimum_sigma:
            return False
        return wish.minimum_sigma_always or self.count % 2 == 1

    def _cancels(self, now: Conditions) -> bool:
        """Whether the negative prompt makes no difference."""
        lone = all(list(weights) == [1] for weights in now.weights)
        return self.options.scale == 1 and lone and not self.options.always_uncond

    def _without_negative(
        self, x: Tensor, level: Tensor, now: Conditions
    ) -> tuple[list[Tensor], Tensor]:
        """The rows of each picture's parts; the first part stands for the negative."""
        counts = [len(weights) for weights in now.weights]
        rows = _Rows(counts, negatives=0)
        out = self._run(rows, x, level, now, rows.of(self.picture_conditions))
        parts = list(out.split(counts))
        return parts, torch.stack([rows[0] for rows in parts])

    def _with_negative(
        self, x: Tensor, level: Tensor, now: Conditions
    ) -> tuple[list[Tensor], Tensor]:
        """The rows of each picture's parts, and the negatives' rows."""
        counts = [len(weights) for weights in now.weights]
        rows = _Rows(counts, negatives=1)
        out = self._run(rows, x, level, now, rows.of(self.picture_conditions))
        return list(out[: -len(x)].split(counts)), out[-len(x) :]

    def _edited(self, x: Tensor, level: Tensor, now: Conditions) -> tuple[Tensor, Tensor]:
        """Guidance by text and by picture apart (Brooks et al. 2023, arXiv:2211.09800, equation 3).

        Also gives what the network says with neither.
        """
        if any(len(weights) != 1 for weights in now.weights):
            raise InvalidRequest(
                "A model that edits pictures cannot be given prompts joined by AND.",
                "Use one prompt, or an image CFG scale of 1.",
            )
        given = self.picture_conditions
        assert given is not None, "editing needs a picture"
        rows = _Rows([1] * len(x), negatives=2)
        out = self._run(rows, x, level, now, torch.cat([given, given, torch.zeros_like(given)]))
        both, picture, neither = out.float().chunk(3)
        scale, picture_scale = self.options.scale, self.options.picture_scale
        combined = neither + scale * (both - picture) + picture_scale * (picture - neither)
        return combined, neither

    def _run(
        self, rows: "_Rows", x: Tensor, level: Tensor, now: Conditions, pictures: Tensor | None
    ) -> Tensor:
        """Call the network as often as needed; all rows (rows, channels, h, w)."""
        batch, copies = len(x), rows.negatives
        work = _Work(
            rows.of(x),
            level.to(x.device) * x.new_ones(rows.count(batch)),
            pictures,
            rows.vectors_of(now),
            rows.names(batch) if self.marks_rows else None,
        )
        texts = now.cond
        if not copies or texts.shape[1] == now.uncond.shape[1]:
            context = torch.cat([texts, *[now.uncond] * copies])
            if self.options.one_call:
                out = self.predict(work.x, work.levels, work.context(context, slice(None)))
            else:
                out = self._sliced(work, slice(0, len(context)), context, batch)
        else:  # different lengths: the texts in slices, then the negatives
            split = len(texts)
            size = batch * 2 if self.options.one_call else batch
            negatives = torch.cat([now.uncond] * copies)
            first = self._sliced(work, slice(0, split), texts, size)
            rest = self._sliced(work, slice(split, len(work.x)), negatives, batch)
            out = torch.cat([first, rest])
        if _all_nan(out):
            raise ModelError(
                "The network gave only NaN (not a number) values.",
                "The model may be damaged or need full precision.",
            )
        for look in self.heard:
            out = look(out, level)
        return out

    def _sliced(self, work: "_Work", part: slice, context: Tensor, size: int) -> Tensor:
        """The rows of `part` in several calls, collected in the latents' precision."""
        pieces = []
        for at in range(part.start, part.stop, size):
            rows = slice(at, min(at + size, part.stop))
            texts = context[at - part.start : rows.stop - part.start]
            pieces.append(self.predict(work.x[rows], work.levels[rows], work.context(texts, rows)))
        return torch.cat(pieces).to(work.x.dtype)

    def _rescale(self, x: Tensor, level: Tensor, combined: Tensor, plain: Tensor) -> Tensor:
        """Give the guided output the spread of the unguided one, by the share `rescale`."""
        levels = level.to(x.device) * x.new_ones(len(x))
        guided = self.predict.to_output(x, levels, combined)
        natural = self.predict.to_output(x, levels, plain)
        every = tuple(range(1, x.ndim))
        factor = natural.std(dim=every, keepdim=True) / guided.std(dim=every, keepdim=True)
        phi = self.options.rescale
        output = phi * (guided * factor) + (1 - phi) * guided
        return self.predict.from_output(x, levels, output)


@dataclass(frozen=True)
class _Rows:
    """Which rows the network gets: each picture's parts, then the negatives so many times."""

    counts: list[int]
    negatives: int

    @overload
    def of(self, x: Tensor) -> Tensor: ...

    @overload
    def of(self, x: Tensor | None) -> Tensor | None: ...

    def of(self, x: Tensor | None) -> Tensor | None:
        """(pictures, ...) -> (rows, ...)."""
        if x is None:
            return None
        parts = _repeated(x, self.counts)
        return torch.cat([parts, *[x] * self.negatives]) if self.negatives else parts

    def count(self, pictures: int) -> int:
        """How many rows there are."""
        return sum(self.counts) + pictures * self.negatives

    def names(self, pictures: int) -> tuple[tuple[int, int], ...]:
        """Picture and part of every row; the parts of negatives are -1, -2, ..."""
        texts = [(picture, part) for picture, n in enumerate(self.counts) for part in range(n)]
        copies = range(-1, -1 - self.negatives, -1)
        return (*texts, *((picture, copy) for copy in copies for picture in range(pictures)))

    def vectors_of(self, now: Conditions) -> Tensor | None:
        """The vectors of all rows, if the network takes any."""
        vectors, others = now.vectors, now.uncond_vectors
        if vectors is None or others is None:
            return None
        return torch.cat([vectors, *[others] * self.negatives])


@dataclass(frozen=True)
class _Work:
    """The rows of one evaluation."""

    x: Tensor
    levels: Tensor
    pictures: Tensor | None
    vectors: Tensor | None
    names: tuple[tuple[int, int], ...] | None

    def context(self, text: Tensor, rows: slice) -> Tensor | Told:
        """What the network is told about `rows`."""
        if self.pictures is None and self.vectors is None and self.names is None:
            return text
        return Told(
            text,
            None if self.pictures is None else self.pictures[rows],
            None if self.vectors is None else self.vectors[rows],
            None if self.names is None else self.names[rows],
        )


def _all_nan(out: Tensor) -> bool:
    """Whether nothing else is in `out`; nearly always its first number tells."""
    return bool(torch.isnan(out.flatten()[0])) and bool(torch.isnan(out).all())


def _repeated(x: Tensor, counts: list[int]) -> Tensor:
    """Each picture as often as it has parts."""
    if all(count == 1 for count in counts):
        return x
    return x.repeat_interleave(torch.tensor(counts, device=x.device), dim=0)


def _combine(
    parts: list[Tensor], uncond: Tensor, weights: Sequence[Sequence[float]], scale: float
) -> Tensor:
    """u + sum of weight * scale * (part - u), added up part by part."""
    combined = uncond.clone()
    for image, (rows, factors) in enumerate(zip(parts, weights, strict=True)):
        for row, weight in zip(rows, factors, strict=True):
            combined[image] += (row - uncond[image]) * (weight * scale)
    return combined
