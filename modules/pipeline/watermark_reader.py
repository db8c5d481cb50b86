"""The invisible watermark of Stable Diffusion's first release, read without any network library.

The reader of the library that writes the mark (`invisible-watermark`) loads torch; this one needs
arrays alone and gives the same bits. The mark is in the colour difference U of every 8 x 8 pixels:
the largest coefficient of the 4 x 4 block of a Haar transform ("dwtDct"), or the first singular
value of that block's cosine transform ("dwtDctSvd"), lies in the lower or the upper half of a
stretch of 36. Blocks take the bits in turn and vote.
"""

from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np

from modules.pipeline.watermark_network import is_available, read_network_bits
from modules.schema.watermark import NETWORK_BYTES, NETWORK_TEXT, TEXT

NETWORK_METHOD: Literal["rivaGan"] = "rivaGan"
Method = Literal["dwtDct", "dwtDctSvd", "rivaGan"]
TRANSFORMS: tuple[Method, ...] = ("dwtDct", "dwtDctSvd")
"""Methods that need no network."""

FEWEST_PIXELS = 256 * 256
"""The mark would not survive in less."""
ENOUGH = 0.75
"""Share of right bits from which a picture counts as marked: by chance, once in 300 million."""
ENOUGH_OF_NETWORK = 28 / 32
"""The same for the few bits of the network: by chance, once in 100,000."""
STRETCH = 36
BLOCK = 8
"""Pixels of a side that hold a bit."""
ANGLES = np.arange(4)[:, None] * (2 * np.arange(4) + 1) * (np.pi / 8)
COSINES = np.cos(ANGLES) * np.sqrt(np.array([1, 2, 2, 2]) / 4)[:, None]
"""The orthonormal cosine transform of four values."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was read where the mark would be."""

    method: Method
    matched: int
    """Bits that are as in the text looked for."""
    bits: int
    text: str
    """What the bits spell, with what is no letter as "·"."""

    @property
    def found(self) -> bool:
        """Whether that is the mark."""
        enough = ENOUGH_OF_NETWORK if self.method == NETWORK_METHOD else ENOUGH
        return self.matched >= enough * self.bits

    @property
    def chance(self) -> float:
        """How probable so many right bits are in a picture without the mark, 0 to 1."""
        ways = sum(comb(self.bits, right) for right in range(self.matched, self.bits + 1))
        return float(ways / 2**self.bits)


def read_mark(picture: np.ndarray, text: str = TEXT, *, network: bool = False) -> Mark | None:
    """Look for `text` in a picture, (height, width, 3) uint8 RGB, by all methods; the best one.

    With `network`, which takes seconds and onnxruntime, that looks too: for its own usual text
    instead of that of the others. None if the picture is too small to hold the text once.
    """
    wanted = _bits_of(text)
    if (picture.shape[0] // BLOCK) * (picture.shape[1] // BLOCK) < len(wanted):
        return None
    blocks = _blocks(picture)
    marks = [
        _mark(method, _vote(_halves(blocks, method), len(wanted)), wanted) for method in TRANSFORMS
    ]
    short = _bits_of(NETWORK_TEXT if text == TEXT else text)
    if network and len(short) == 8 * NETWORK_BYTES and is_available():
        marks.append(_mark(NETWORK_METHOD, read_network_bits(picture), short))
    return min(marks, key=lambda mark: (not mark.found, mark.chance))


def _bits_of(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(text.encode(), np.uint8)).astype(bool)


def _mark(method: Method, bits: np.ndarray, wanted: np.ndarray) -> Mark:
    spelled = np.packbits(bits).tobytes().decode("latin-1")
    plain = "".join(letter if " " <= letter <= "~" else "·" for letter in spelled)
    matched = int(np.sum(bits == wanted))
    return Mark(method=method, matched=matched, bits=len(wanted), text=plain)


def read_bits(picture: np.ndarray, count: int, method: Method = "dwtDct") -> np.ndarray:
    """Read `count` bits, (count,) bool, from a picture, (height, width, 3) uint8 RGB."""
    return _vote(_halves(_blocks(picture), method), count)


def share_found(picture: np.ndarray, text: str = TEXT, method: Method = "dwtDct") -> float:
    """The share of the bits of `text` that a picture, (height, width, 3) uint8 RGB, holds."""
    if picture.shape[0] * picture.shape[1] < FEWEST_PIXELS:
        return 0.0
    wanted = _bits_of(text)
    return float(np.mean(read_bits(picture, len(wanted), method) == wanted))


def is_marked(picture: np.ndarray, text: str = TEXT, method: Method = "dwtDct") -> bool:
    """Whether `text` is hidden in a picture, (height, width, 3) uint8 RGB."""
    return share_found(picture, text, method) >= ENOUGH


def _blocks(picture: np.ndarray) -> np.ndarray:
    """The low band of U's Haar transform in blocks, (count, 4, 4), row by row."""
    red, green, blue = (picture[:, :, channel].astype(np.int32) for channel in range(3))
    luma = (red * 4899 + green * 9617 + blue * 1868 + (1 << 13)) >> 14  # as OpenCV rounds
    u = ((blue - luma) * 8061 + (128 << 14) + (1 << 13)) >> 14
    u = np.clip(u, 0, 255)[: u.shape[0] // BLOCK * BLOCK, : u.shape[1] // 4 * 4]
    low = (u[0::2, 0::2] + u[0::2, 1::2] + u[1::2, 0::2] + u[1::2, 1::2]) / 2
    rows, columns = low.shape[0] // 4, low.shape[1] // 4
    cut = low[:, : columns * 4].reshape(rows, 4, columns, 4)
    return cut.swapaxes(1, 2).reshape(-1, 4, 4)


def _halves(blocks: np.ndarray, method: Method) -> np.ndarray:
    """Which half of a stretch every block's value lies in, (count,) bool."""
    if method == "dwtDct":
        values = np.abs(blocks.reshape(-1, 16)[:, 1:]).max(axis=1)
    else:
        values = np.linalg.svd(COSINES @ blocks @ COSINES.T, compute_uv=False)[:, 0]
    return np.asarray(values % STRETCH > STRETCH / 2)


def _vote(halves: np.ndarray, count: int) -> np.ndarray:
    """The bit that most of its blocks say; (count,) bool."""
    places = np.arange(len(halves)) % count
    said = np.bincount(places, weights=halves, minlength=count)
    asked = np.maximum(np.bincount(places, minlength=count), 1)
    return np.asarray(said / asked * 255 > 127)
