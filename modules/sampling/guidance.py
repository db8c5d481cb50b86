"""Classifier-free guidance (Ho and Salimans 2022), as a sampler sees it: one denoiser.

Order of rows and of additions are as in A1111's webui: pictures depend on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.sampling.prediction import Prediction


@dataclass(frozen=True)
class Part:
    """One text of an AND composition: its encoding (tokens, width) and its weight."""

    context: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Conditions:
    """What one evaluation is conditioned on: the parts of every picture, and its negative."""

    parts: Sequence[Sequence[Part]]
    uncond: Sequence[Tensor]


@dataclass(frozen=True, kw_only=True)
class GuidanceOptions:
    """How strongly and when to guide.

    `minimum_sigma` leaves the negative prompt out below that level, on every second evaluation or
    on all; `skip_early` leaves it out for that share of the pass. `rescale` is the phi of Lin et
    al. 2023, equation 16. `padding` makes both prompts equally long: "" (two calls instead),
    "empty" (with the encoding `empty` of the empty prompt) or "v0" (by repeating or cutting the
    negative's vectors). `always_uncond` forbids the shortcut at scale 1.
    """

    scale: float = 7.0
    minimum_sigma: float = 0.0
    minimum_sigma_always: bool = False
    skip_early: float = 0.0
    rescale: float = 0.0
    one_call: bool = True
    padding: str = ""
    empty: Tensor | None = None
    always_uncond: bool = False


Before = Callable[[Tensor, Tensor], Tensor]
After = Callable[[Tensor, Tensor, Tensor], Tensor]


class Guidance:
    """The guided model of one pass. Counts its evaluations; `facts` of use are kept as fields.

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
    ) -> None:
        """`conditions(k)` are those of evaluation k of nominally `total`.

        `before(x, level)` may change what is evaluated, `after(combined, x, level)` the result.
        """
        self.predict, self.conditions, self.total = predict, conditions, total
        self.options, self.before, self.after = options, before, after
        self.count = 0
        self.padded = ""
        self.skipped = False
        self.last_uncond: Tensor | None = None

    def __call__(self, x: Tensor, level: Tensor) -> Tensor:
        """Evaluate (batch, channels, h, w) at a 0-d noise level or timestep."""
        for change in self.before:
            x = change(x, level)
        now = self.conditions(self.count)
        skip = self._skips(level)
        guided, parts, uncond = self._evaluate(x, level, now, skip)
        combined = self._combine(parts, uncond, now, 1.0 if skip else self.options.scale)
        if self.options.rescale and guided:
            plain = self._combine(parts, uncond, now, 1.0)
            combined = self._rescale(x, level, combined, plain)
        for alter in self.after:
            combined = alter(combined, x, level)
        self.last_uncond = uncond
        self.count += 1
        return combined

    def _skips(self, level: Tensor) -> bool:
        """Whether this evaluation goes without the negative prompt and without guidance."""
        wish = self.options
        if wish.skip_early and self.count / self.total <= wish.skip_early:
            self.skipped = True
            return True
        below = 0 < wish.minimum_sigma and float(level) < wish.minimum_sigma
        if below and (wish.minimum_sigma_always or self.count % 2 == 1):
            self.skipped = True
            return True
        return False

    def _evaluate(
        self, x: Tensor, level: Tensor, now: Conditions, skip: bool
    ) -> tuple[bool, list[Tensor], Tensor]:
        """(whether the negative was evaluated, rows of each picture's parts, negative rows)."""
        counts = [len(parts) for parts in now.parts]
        cond = _stacked([part.context for parts in now.parts for part in parts])
        x_cond = x.repeat_interleave(torch.tensor(counts, device=x.device), dim=0)
        lone = all(len(parts) == 1 and parts[0].weight == 1 for parts in now.parts)
        shortcut = self.options.scale == 1 and lone and not self.options.always_uncond
        if skip or shortcut:
            out = self._run(x_cond, level, [cond], len(x))
            parts = list(out.split(counts))
            return False, parts, torch.stack([rows[0] for rows in parts])
        uncond = _stacked(now.uncond)
        cond, uncond = self._pad(cond, uncond)
        out = self._run(torch.cat([x_cond, x]), level, [cond, uncond], len(x))
        return True, list(out[: len(x_cond)].split(counts)), out[len(x_cond) :]

    def _run(self, x: Tensor, level: Tensor, contexts: list[Tensor], batch: int) -> Tensor:
        """Call the network as often as needed; all rows (rows, channels, h, w)."""
        levels = level.to(x.device) * x.new_ones(len(x))
        if len({context.shape[1] for context in contexts}) == 1:
            context = torch.cat(contexts)
            if self.options.one_call:
                out = self.predict(x, levels, context)
            else:
                out = self._sliced(x, levels, context, batch)
        else:  # different lengths: the texts in slices, then the negatives
            rows = len(contexts[0])
            size = batch * 2 if self.options.one_call else batch
            first = self._sliced(x[:rows], levels[:rows], contexts[0], size)
            rest = self._sliced(x[rows:], levels[rows:], contexts[1], batch)
            out = torch.cat([first, rest])
        if bool(torch.isnan(out).all()):
            raise ModelError(
                "The network gave only NaN (not a number) values.",
                "The model may be damaged or need full precision.",
            )
        return out

    def _sliced(self, x: Tensor, levels: Tensor, context: Tensor, size: int) -> Tensor:
        pieces = [
            self.predict(x[at : at + size], levels[at : at + size], context[at : at + size])
            for at in range(0, len(x), size)
        ]
        return torch.cat(pieces).to(x.dtype)

    def _pad(self, cond: Tensor, uncond: Tensor) -> tuple[Tensor, Tensor]:
        """Make both (rows, tokens, width) equally long, if that is wished."""
        missing = cond.shape[1] - uncond.shape[1]
        if not missing or not self.options.padding:
            return cond, uncond
        if self.options.padding == "v0":
            self.padded = "v0"
            if missing < 0:
                return cond, uncond[:, : cond.shape[1]]
            return cond, torch.cat([uncond, uncond[:, -1:].repeat(1, missing, 1)], dim=1)
        assert self.options.empty is not None, "padding needs the encoding of the empty prompt"
        self.padded = "empty"
        return _padded(cond, uncond, self.options.empty), _padded(uncond, cond, self.options.empty)

    def _combine(
        self, parts: list[Tensor], uncond: Tensor, now: Conditions, scale: float
    ) -> Tensor:
        combined = uncond.clone()
        for image, (rows, about) in enumerate(zip(parts, now.parts, strict=True)):
            for row, part in zip(rows, about, strict=True):
                combined[image] += (row - uncond[image]) * (part.weight * scale)
        return combined

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


def _stacked(contexts: Sequence[Tensor]) -> Tensor:
    """(rows, tokens, width); shorter ones are prolonged by their last vector."""
    longest = max(context.shape[0] for context in contexts)
    return torch.stack([_prolonged(context, longest) for context in contexts])


def _prolonged(context: Tensor, length: int) -> Tensor:
    missing = length - context.shape[0]
    return torch.cat([context, context[-1:].repeat(missing, 1)]) if missing else context


def _padded(short: Tensor, other: Tensor, empty: Tensor) -> Tensor:
    """`short` prolonged by whole encodings of the empty prompt up to the length of `other`."""
    times = (other.shape[1] - short.shape[1]) // empty.shape[-2]
    if times <= 0:
        return short
    filler: Any = empty.reshape(1, -1, empty.shape[-1]).repeat(len(short), times, 1)
    return torch.cat([short, filler.to(short)], dim=1)
