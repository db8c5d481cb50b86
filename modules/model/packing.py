"""Weights of few bits: blocks of small integers with common scales, as GGUF files hold them, and
floating point numbers of eight bits.

The layouts are those of ggml's documentation. Every function unpacks blocks, (blocks, bytes) uint8,
to numbers, (blocks, numbers in a block) float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.model.gguf_header import BLOCKS

SUPER = 256
"""Numbers in a block of the kinds with two levels of scales."""


@dataclass(frozen=True)
class Packing:
    """One way to pack numbers."""

    name: str
    numbers: int
    """In a block."""
    bytes: int
    """Of a block."""
    unpack: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Packed:
    """A packed tensor: its shape and its blocks as flat bytes (uint8)."""

    packing: Packing
    shape: tuple[int, ...]
    raw: Tensor

    def unpacked(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The tensor itself."""
        blocks = self.raw.view(-1, self.packing.bytes)
        return self.packing.unpack(blocks).view(self.shape).to(dtype)


def half(raw: Tensor, start: int) -> Tensor:
    """A number of 16 bits from each block, (blocks, 1) float32."""
    return raw[:, start : start + 2].contiguous().view(torch.float16).float()


def nibbles(raw: Tensor) -> Tensor:
    """The low halves of all bytes (..., n), then the high halves: (..., 2n)."""
    return torch.cat([raw & 15, raw >> 4], dim=-1)


def bits(raw: Tensor) -> Tensor:
    """Every bit of four bytes, lowest first: (blocks, 4) to (blocks, 32)."""
    shifts = torch.arange(8, device=raw.device, dtype=torch.uint8)
    return ((raw[:, :, None] >> shifts) & 1).flatten(1)


def spread(raw: Tensor, shifts: list[int], mask: int) -> Tensor:
    """Parts of bytes (..., n): for each shift in turn all n, (..., shifts, n)."""
    amounts = torch.tensor(shifts, device=raw.device, dtype=torch.uint8)[:, None]
    return (raw[..., None, :] >> amounts) & mask


def q4_0(raw: Tensor) -> Tensor:
    """Four bits from -8 to 7, one scale for 32."""
    return half(raw, 0) * (nibbles(raw[:, 2:]).float() - 8)


def q4_1(raw: Tensor) -> Tensor:
    """Four bits from 0 to 15, scale and least number for 32."""
    return half(raw, 0) * nibbles(raw[:, 4:]).float() + half(raw, 2)


def q5_0(raw: Tensor) -> Tensor:
    """Five bits from -16 to 15, one scale for 32."""
    five = nibbles(raw[:, 6:]) | (bits(raw[:, 2:6]) << 4)
    return half(raw, 0) * (five.float() - 16)


def q5_1(raw: Tensor) -> Tensor:
    """Five bits from 0 to 31, scale and least number for 32."""
    five = nibbles(raw[:, 8:]) | (bits(raw[:, 4:8]) << 4)
    return half(raw, 0) * five.float() + half(raw, 2)


def q8_0(raw: Tensor) -> Tensor:
    """Eight bits from -128 to 127, one scale for 32."""
    return half(raw, 0) * raw[:, 2:].contiguous().view(torch.int8).float()


def q2_k(raw: Tensor) -> Tensor:
    """Two bits; sixteen scales and least numbers of four bits, themselves scaled."""
    scales = raw[:, :16]
    quarters = raw[:, 16:80].view(-1, 2, 32)
    numbers = spread(quarters, [0, 2, 4, 6], 3).reshape(-1, 16, 16).float()
    scale = (half(raw, 80) * (scales & 15).float())[..., None]
    least = (half(raw, 82) * (scales >> 4).float())[..., None]
    return (scale * numbers - least).flatten(1)


def q3_k(raw: Tensor) -> Tensor:
    """Three bits from -4 to 3; sixteen scales of six bits, themselves scaled."""
    low = spread(raw[:, 32:96].view(-1, 2, 32), [0, 2, 4, 6], 3).reshape(-1, SUPER)
    high = spread(raw[:, :32], list(range(8)), 1).reshape(-1, SUPER)
    numbers = (low | (high << 2)).float() - 4
    packed = raw[:, 96:108]
    upper = spread(packed[:, 8:], [0, 2, 4, 6], 3).flatten(1)  # (blocks, 16)
    scales = (nibbles(packed[:, :8]) | (upper << 4)).float() - 32
    scale = (half(raw, 108) * scales)[..., None]
    return (scale * numbers.view(-1, 16, 16)).flatten(1)


def six_bits(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight least numbers of six bits from twelve bytes; (blocks, 8) each."""
    first, second, rest = packed.split(4, dim=1)
    scales = torch.cat([first & 63, (rest & 15) | (first >> 6 << 4)], dim=1)
    least = torch.cat([second & 63, (rest >> 4) | (second >> 6 << 4)], dim=1)
    return scales.float(), least.float()


def q4_k(raw: Tensor) -> Tensor:
    """Four bits; eight scales and least numbers of six bits, themselves scaled."""
    numbers = nibbles(raw[:, 16:].view(-1, 4, 32)).reshape(-1, 8, 32).float()
    return with_scales(raw, numbers)


def q5_k(raw: Tensor) -> Tensor:
    """Five bits; eight scales and least numbers of six bits, themselves scaled."""
    low = nibbles(raw[:, 48:].view(-1, 4, 32)).reshape(-1, 8, 32)
    high = spread(raw[:, 16:48], list(range(8)), 1)
    return with_scales(raw, (low | (high << 4)).float())


def with_scales(raw: Tensor, numbers: Tensor) -> Tensor:
    """`numbers` (blocks, 8, 32) with the scales in the first sixteen bytes of each block."""
    scales, least = six_bits(raw[:, 4:16])
    scale, minimum = (half(raw, 0) * scales)[..., None], (half(raw, 2) * least)[..., None]
    return (scale * numbers - minimum).flatten(1)


def q6_k(raw: Tensor) -> Tensor:
    """Six bits from -32 to 31; sixteen scales of eight bits, themselves scaled."""
    low = nibbles(raw[:, :128].view(-1, 2, 64)).reshape(-1, SUPER)
    high = spread(raw[:, 128:192].view(-1, 2, 32), [0, 2, 4, 6], 3).reshape(-1, SUPER)
    numbers = (low | (high << 4)).float() - 32
    scales = raw[:, 192:208].contiguous().view(torch.int8).float()
    return ((half(raw, 208) * scales)[..., None] * numbers.view(-1, 16, 16)).flatten(1)


def of_type(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Numbers of one byte that torch knows."""
    return lambda raw: raw.view(dtype).float()


E4M3 = Packing("F8_E4M3", 1, 1, of_type(torch.float8_e4m3fn))
E5M2 = Packing("F8_E5M2", 1, 1, of_type(torch.float8_e5m2))
FLOATS = {torch.float8_e4m3fn: E4M3, torch.float8_e5m2: E5M2}
"""Floating point numbers of eight bits, which safetensors files hold."""

UNPACK = {2: q4_0, 3: q4_1, 6: q5_0, 7: q5_1, 8: q8_0, 10: q2_k, 11: q3_k, 12: q4_k, 13: q5_k,
          14: q6_k}  # fmt: skip
GGML = {kind: Packing(*BLOCKS[kind], unpack) for kind, unpack in UNPACK.items()}
"""By the numbers that GGUF files call them."""
PLAIN = {0: torch.float32, 1: torch.float16, 24: torch.int8, 26: torch.int32, 30: torch.bfloat16}
"""What GGUF files hold without packing, by their numbers."""
