"""Where the random numbers of a picture come from.

Every picture owns its generator, so that picture i of a batch equals the single picture with its
seed. Sources: "CPU" (torch's Mersenne twister), "GPU" (the compute device's own; the CPU's where
there is none) and "NV" (an NVIDIA card's numbers, computed anywhere).
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from modules.errors import InvalidRequest
from modules.sampling.philox import PhiloxGenerator

SOURCES = ("GPU", "CPU", "NV")
NEARLY_PARALLEL = 0.9995


class Generator(Protocol):
    """A stream of normal numbers."""

    def randn(self, shape: Sequence[int]) -> Tensor:
        """The next draw: float32 on the CPU or on the generator's device."""
        ...


class TorchGenerator:
    """Torch's generator of one device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)

    def randn(self, shape: Sequence[int]) -> Tensor:
        """The next draw on the device."""
        return torch.randn(tuple(shape), generator=self.generator, device=self.device)


class NvidiaGenerator:
    """The Philox stream of a CUDA device."""

    def __init__(self, seed: int) -> None:
        self.generator = PhiloxGenerator(seed)

    def randn(self, shape: Sequence[int]) -> Tensor:
        """The next draw on the CPU."""
        return torch.from_numpy(self.generator.randn(shape))


def new_generator(seed: int, source: str, device: torch.device | str = "cpu") -> Generator:
    """A fresh stream of `source` for `seed`."""
    device = torch.device(device)
    if source == "NV":
        return NvidiaGenerator(seed)
    if source == "CPU" or (source == "GPU" and device.type == "mps"):
        return TorchGenerator(seed, torch.device("cpu"))
    if source == "GPU":
        return TorchGenerator(seed, device)
    raise InvalidRequest(f"No random number source {source!r}.", f"Choose {', '.join(SOURCES)}.")


def fresh_randn(
    seed: int, shape: Sequence[int], source: str, device: torch.device | str = "cpu"
) -> Tensor:
    """The first draw of a fresh stream, on `device`."""
    return new_generator(seed, source, device).randn(shape).to(device)


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """How the first noise is made. `resize_from` is (channels, h, w) in latent cells or None."""

    source: str = "NV"
    subseed_strength: float = 0.0
    resize_from: tuple[int, int, int] | None = None
    ensd: int = 0


class SeededNoise:
    """The noise of one batch in one pass: the first noise, then a draw whenever a sampler asks."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        seeds: Sequence[int],
        subseeds: Sequence[int],
        options: NoiseOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        """`shape` is (channels, h, w) of one latent; a missing subseed counts as 0."""
        self.shape, self.options, self.device = shape, options, torch.device(device)
        self.seeds = list(seeds)
        self.subseeds = [*subseeds, *[0] * len(seeds)][: len(seeds)]
        self.generators = [self._generator(seed) for seed in self.seeds]
        self.taken = False
        self._coming: Future[Tensor] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def first(self) -> Tensor:
        """The noise a pass starts from: (batch, channels, h, w), unit variance, float32."""
        self.taken = True
        rows = [self._first_of(index) for index in range(len(self.seeds))]
        if self.options.ensd:
            self.generators = [self._generator(seed + self.options.ensd) for seed in self.seeds]
        return torch.stack(rows)

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """The next draw of every picture's stream.

        NV numbers take so long that after the first draw the next is made ahead, in a thread.
        """
        assert self.taken, "the first noise is drawn before any other"
        drawn = self._draw() if self._coming is None else self._coming.result()
        if self.options.source == "NV":
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="noise")
            self._coming = self._pool.submit(self._draw)
        return drawn.to(self.device)

    def _draw(self) -> Tensor:
        return torch.stack([generator.randn(self.shape) for generator in self.generators])

    def _generator(self, seed: int) -> Generator:
        return new_generator(seed, self.options.source, self.device)

    def _fresh(self, seed: int, shape: Sequence[int]) -> Tensor:
        return fresh_randn(seed, shape, self.options.source, self.device)

    def _first_of(self, index: int) -> Tensor:
        strength = self.options.subseed_strength
        original = self.options.resize_from or self.shape
        if original == self.shape:
            noise = self.generators[index].randn(self.shape).to(self.device)
        else:
            noise = self._fresh(self.seeds[index], original)
        if strength:
            noise = slerp(strength, noise, self._fresh(self.subseeds[index], original))
        if original == self.shape:
            return noise
        canvas = self.generators[index].randn(self.shape).to(self.device)
        return paste_centre(canvas, noise)


def slerp(strength: float, a: Tensor, b: Tensor) -> Tensor:
    """Go from a to b, both (channels, h, w), on the sphere.

    As A1111 does it, and pictures depend on it: the angle is taken along the height of each
    column, and for nearly parallel noises the weights are the wrong way round.
    """
    a_unit = a / torch.norm(a, dim=1, keepdim=True)
    b_unit = b / torch.norm(b, dim=1, keepdim=True)
    dot = (a_unit * b_unit).sum(1)  # (channels, w)
    if dot.mean() > NEARLY_PARALLEL:
        return a * strength + b * (1 - strength)
    omega = torch.acos(dot)
    sine = torch.sin(omega)
    of_a = (torch.sin((1.0 - strength) * omega) / sine).unsqueeze(1)
    of_b = (torch.sin(strength * omega) / sine).unsqueeze(1)
    return of_a * a + of_b * b


def paste_centre(canvas: Tensor, noise: Tensor) -> Tensor:
    """Put the centre of `noise` over the centre of `canvas`, both (channels, h, w).

    An odd difference of a shrinking side loses one cell more: dx is rounded down.
    """
    canvas = canvas.clone()
    spans = []
    for wanted, given in zip(canvas.shape[1:], noise.shape[1:], strict=True):
        shift = (wanted - given) // 2
        size = given if shift >= 0 else given + 2 * shift
        spans.append((max(shift, 0), max(-shift, 0), size))
    (ty, sy, h), (tx, sx, w) = spans
    canvas[:, ty : ty + h, tx : tx + w] = noise[:, sy : sy + h, sx : sx + w]
    return canvas
