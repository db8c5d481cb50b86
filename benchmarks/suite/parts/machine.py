"""What the machine can do, by which everything else is to be read."""

import os
from collections.abc import Iterator

from benchmarks.suite.children import peaks
from benchmarks.suite.figure import Figure
from benchmarks.suite.parts.service import repeated
from benchmarks.suite.wish import Wish

PART = "machine"
BLOCK = 4096


def machine(wish: Wish) -> Iterator[Figure]:
    """Products of large matrices, and how long the disk takes to be sure."""
    kind = wish.device.split(":")[0]
    for dtype, rate in peaks(kind).items():
        yield Figure.of(PART, f"product in {dtype}", rate, "GFLOP/s", f"on {wish.device}, the best")
    with (wish.folder / "block").open("wb", buffering=0) as file:

        def sure() -> None:
            file.write(bytes(BLOCK))
            os.fsync(file.fileno())

        yield Figure.of(PART, "fsync", repeated(sure, 20), "ms", f"after {BLOCK} bytes")
