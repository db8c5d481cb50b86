"""The random numbers of a CUDA device, on any machine.

Philox 4x32-10 (Salmon et al. 2011) and Box-Muller as CUDA's `curand_normal` does it. Equal to the
device for tensors that fit one pass of its grid.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

Words = npt.NDArray[np.uint64]
"""32-bit words in 64-bit places, so that their products fit."""

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
HALF, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
SCALE = np.float32(2.3283064e-10)  # 2^-32
CIRCLE = np.float32(2.3283064e-10 * 6.2831855)


class PhiloxGenerator:
    """One stream of normal numbers; each call takes the next offset."""

    def __init__(self, seed: int) -> None:
        """Only the low 64 bits of `seed` count."""
        self.seed = seed % 2**64
        self.offset = 0

    def randn(self, shape: Sequence[int]) -> npt.NDArray[np.float32]:
        """Standard normal numbers, float32."""
        count = int(np.prod(shape))
        counter = [np.full(count, self.offset, np.uint64), *(np.zeros(count, np.uint64),) * 3]
        counter[2] = np.arange(count, dtype=np.uint64)
        self.offset += 1
        words = philox(counter, self.seed)
        return _box_muller(words[0], words[1]).reshape(shape)


def philox(counter: Sequence[Words], seed: int) -> list[Words]:
    """Ten rounds on four arrays of 32-bit words.

    In place, between six arrays: half the time is writing to memory.
    """
    c0, c1, c2, c3 = (words.astype(np.uint64) for words in counter)
    first, second = np.empty_like(c0), np.empty_like(c0)
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(ROUNDS):
        np.multiply(c0, MULTIPLIERS[0], out=first)
        np.multiply(c2, MULTIPLIERS[1], out=second)
        np.right_shift(second, HALF, out=c0)
        c0 ^= c1
        c0 ^= np.uint64(keys[0])
        np.right_shift(first, HALF, out=c2)
        c2 ^= c3
        c2 ^= np.uint64(keys[1])
        first &= LOW
        second &= LOW
        c1, c3, first, second = second, first, c3, c1
        keys = [(key + weyl) & 0xFFFFFFFF for key, weyl in zip(keys, WEYL, strict=True)]
    return [c0, c1, c2, c3]


def _box_muller(x: Words, y: Words) -> npt.NDArray[np.float32]:
    """Evaluated in float64 from float32 constants, then rounded: the last bit depends on it.

    Torch's sine is three times as fast as numpy's; rounded to float32 they are the same.
    """
    u, v = x.astype(np.float64), y.astype(np.float64)
    u *= float(SCALE)
    u += float(SCALE / np.float32(2))
    v *= float(CIRCLE)
    v += float(CIRCLE / np.float32(2))
    np.log(u, out=u)
    u *= -2.0
    np.sqrt(u, out=u)
    u *= torch.from_numpy(v).sin_().numpy()
    return u.astype(np.float32)
