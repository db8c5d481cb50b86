"""The random numbers of a CUDA device, on any machine.

Philox 4x32-10 (Salmon et al. 2011) and Box-Muller as CUDA's `curand_normal` does it. Equal to the
device for tensors that fit one pass of its grid.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW, HIGH = slice(0, None, 2), slice(1, None, 2)
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
        counter = [np.full(count, self.offset, np.uint32), *(np.zeros(count, np.uint32),) * 3]
        counter[2] = np.arange(count, dtype=np.uint32)
        self.offset += 1
        words = philox(counter, self.seed)
        return _box_muller(words[0], words[1]).reshape(shape)


def philox(counter: Sequence[Words], seed: int) -> list[Words]:
    """Ten rounds on four arrays of 32-bit words."""
    c0, c1, c2, c3 = counter
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(ROUNDS):
        first, second = _product(c0, MULTIPLIERS[0]), _product(c2, MULTIPLIERS[1])
        c0, c2 = second[HIGH] ^ c1, first[HIGH] ^ c3
        c0 ^= np.uint32(keys[0])
        c2 ^= np.uint32(keys[1])
        c1, c3 = second[LOW], first[LOW]
        keys = [(key + weyl) & 0xFFFFFFFF for key, weyl in zip(keys, WEYL, strict=True)]
    return [c0, c1, c2, c3]


def _product(words: Words, multiplier: np.uint64) -> Words:
    """The 64-bit products as pairs of words, the lower one first."""
    return np.multiply(words, multiplier, dtype="<u8").view("<u4")


def _box_muller(x: Words, y: Words) -> npt.NDArray[np.float32]:
    """Evaluated in float64 from float32 constants, then rounded: the last bit depends on it."""
    u = x.astype(np.float64) * SCALE + SCALE / np.float32(2)
    v = y.astype(np.float64) * CIRCLE + CIRCLE / np.float32(2)
    return (np.sqrt(-2.0 * np.log(u)) * np.sin(v)).astype(np.float32)
