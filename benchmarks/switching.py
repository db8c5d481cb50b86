"""What changing between checkpoints costs in time, and what it leaves behind in memory.

    python -m benchmarks switching [--switches 30] [--size sd15]

First, three small checkpoints in turn: the resident memory after every change, and the slope over
the second half (aim: under 1 MB a change). Then two files of Stable Diffusion 1.5's size, both kept
in memory: the time of going from one to the other (aim: under 0.3 s).
"""

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import torch

from benchmarks.shortage import TINY
from benchmarks.suite.checkpoints import write_checkpoint
from modules.engine.local import LocalEngine
from modules.engine.shelf import Keeping
from modules.paths import Paths

MEGABYTE = 2**20


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--switches", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where the large files go; they are deleted")
    parser.add_argument("--no-large", action="store_true", help="only the small ones")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        slope = slope_of(Path(folder), chosen.switches)
    print(f"memory: {slope / MEGABYTE:+.3f} MB a change over the second half")
    if not chosen.no_large:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            first, backs = times_of(Path(folder))
        print(f"first load {first:.2f} s, going back to one in memory {max(backs) * 1000:.1f} ms")


def slope_of(folder: Path, switches: int) -> float:
    """Bytes a change, by least squares over the second half."""
    paths = Paths(data=folder)
    paths.checkpoints.mkdir(parents=True)
    for name in "abc":
        for suffix in (".safetensors", ".yaml"):
            (paths.checkpoints / f"{name}{suffix}").symlink_to(TINY.with_suffix(suffix))
    engine, process = LocalEngine(paths, device="cpu"), psutil.Process()
    sizes = []
    for index in range(switches):
        engine.warm("abc"[index % 3])
        gc.collect()
        sizes.append(process.memory_info().rss)
    half = sizes[switches // 2 :]
    return statistics.linear_regression(range(len(half)), half).slope


def times_of(folder: Path) -> tuple[float, list[float]]:
    """Seconds of loading a large file, and of every time of going back to it while it is kept."""
    paths = Paths(data=folder)
    paths.checkpoints.mkdir(parents=True)
    file = write_checkpoint("sd15", paths.checkpoints / "one.safetensors")
    file.with_name("two.safetensors").symlink_to(file)
    engine = LocalEngine(paths, device="cpu", keeping=Keeping(models=2))
    began = time.perf_counter()
    engine.warm("one")
    first = time.perf_counter() - began
    engine.warm("two")
    backs = []
    for name in ("one", "two") * 5:
        began = time.perf_counter()
        engine.warm(name)
        backs.append(time.perf_counter() - began)
    return first, backs


if __name__ == "__main__":
    main()
