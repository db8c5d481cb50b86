"""Networks that come and go: `python -m benchmarks networks [cycles]`.

Every file of the tests' zoo that fits is applied to the small reference model in turns, three at a
time with changing weights, and taken out again. After each turn the weights must be the original
ones to the last bit; the memory of the process is printed as it goes.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from modules.model.loader import load_model
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from tests.conftest import GOLDEN
from tests.model.patch.zoo import zoo

CYCLES = 200
MIB = 2**20


class Wish(NamedTuple):
    """A network to apply."""

    name: str
    te: float
    unet: float
    dyn: int | None = None
    blocks: tuple[float, ...] = ()


def main() -> None:
    """Apply and remove, and print what was seen."""
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES
    model = load_model(GOLDEN / "data" / "Stable-diffusion" / "tiny.safetensors")
    weights = [*model.unet.parameters(), *model.text_encoders.parameters()]
    before = [one.detach().clone() for one in weights]
    names = [animal.name for animal in zoo() if animal.formula]
    with tempfile.TemporaryDirectory() as folder:
        for animal in zoo():
            animal.write(Path(folder))
        patcher = Patcher(model, NetworkFolder(Path(folder)))
        changed, memory, began = 0, [], time.perf_counter()
        for cycle in range(cycles):
            weight = 0.1 + cycle % 9 / 10
            chosen = [names[(cycle * 7 + more) % len(names)] for more in range(3)]
            patcher.ensure([Wish(name, weight, weight) for name in chosen])
            applied = not all(map(torch.equal, before, weights))
            patcher.ensure([])
            changed += applied and not all(map(torch.equal, before, weights))
            memory.append(psutil.Process().memory_info().rss / MIB)
        seconds = time.perf_counter() - began
    half = len(memory) // 2
    print(
        f"{cycles} turns of 3 out of {len(names)} networks, {seconds / cycles * 1000:.0f} ms each"
    )
    print(f"turns after which a weight differed from the original: {changed}")
    print(
        f"memory after the first, the middle and the last turn: "
        f"{memory[0]:.1f}, {memory[half]:.1f}, {memory[-1]:.1f} MiB"
    )
    print(
        f"growth in the second half: {(memory[-1] - memory[half]) / (cycles - half):.4f} MiB a turn"
    )


if __name__ == "__main__":
    main()
