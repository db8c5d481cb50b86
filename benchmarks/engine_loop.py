"""What a step costs the engine beyond the network's own time, from order to event.

    python -m benchmarks engine_loop [--steps 200] [--sampler Euler] [--json FILE]

The built-in model draws 128 x 128 pixels with a network that answers at once, so that all else is
left: guidance, the sampler, progress, previews, looking at the buttons. Two columns, both in
milliseconds a step: processor time of the thread that draws, in this process; and time on the clock
in the process that the server draws with, its events having come through the pipe. Either is the
difference between a long and a short picture, the least of several. The aim is 1 ms.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.engine.engine import Engine
from modules.engine.local import LocalEngine
from modules.engine.messages import EngineSpec
from modules.engine.process import ProcessEngine
from modules.model.networks.unet import UNet
from modules.paths import ROOT, Paths
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue
from modules.schema.event import Progress
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size

MODEL, SIDE, CELLS = "easel-mini", 128, 16
SAMPLERS = ("Euler", "Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ SDE", "UniPC")
SHORT = 10
AIM_MS = 1.0


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sampler", action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder), chosen)
    if chosen.json:
        chosen.json.write_text(json.dumps({"ms_per_step": rows}, indent=1) + "\n", encoding="utf-8")


def measured(folder: Path, chosen: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Rows by sampler."""
    paths = Paths(data=folder, checkpoint_dir=ROOT / "models" / "Stable-diffusion")
    here = quick_engine(paths)
    spec = EngineSpec(factory="benchmarks.engine_loop:quick_engine", options={"paths": paths})
    there = ProcessEngine(spec, lambda refresh: Catalogue())
    rows = {}
    print(f"{'ms a step':16} {'here':>8} {'through the pipe':>18}")
    try:
        for sampler in chosen.sampler or SAMPLERS:
            rows[sampler] = {
                "here": ms_a_step(here, sampler, chosen, time.thread_time),
                "through the pipe": ms_a_step(there, sampler, chosen, time.perf_counter),
            }
            mark = "" if max(rows[sampler].values()) < AIM_MS else f"  over {AIM_MS:g} ms"
            print(f"{sampler:16} {rows[sampler]['here']:8.3f} "
                  f"{rows[sampler]['through the pipe']:18.3f}{mark}", flush=True)  # fmt: skip
    finally:
        there.close()
        here.close()
    return rows


def quick_engine(paths: Paths) -> LocalEngine:
    """An engine whose network answers at once; also made in the other process."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    answer = torch.randn(2, 4, CELLS, CELLS)

    def forward(self: UNet, x: Tensor, *_: Any, **__: Any) -> Tensor:
        return answer[: len(x)]

    engine = LocalEngine(paths, device="cpu")
    engine.warm(MODEL)
    loaded = engine._shelf.newest
    assert loaded is not None
    loaded.ready.model.unet.forward = forward.__get__(loaded.ready.model.unet)
    return engine


def ms_a_step(
    engine: Engine, sampler: str, chosen: argparse.Namespace, clock: Callable[[], float]
) -> float:
    """Milliseconds that one step more takes by `clock`."""
    seconds_of(engine, sampler, SHORT, clock)
    found = [
        seconds_of(engine, sampler, chosen.steps, clock) - seconds_of(engine, sampler, SHORT, clock)
        for _ in range(chosen.repeats)
    ]
    return round(min(found) / (chosen.steps - SHORT) * 1000, 3)


def seconds_of(engine: Engine, sampler: str, steps: int, clock: Callable[[], float]) -> float:
    """Seconds from the order to the last event."""
    request = GenerationRequest(
        prompt="a red ball",
        seeds=Seeds(seed=1, subseed=1),
        size=Size(width=SIDE, height=SIDE),
        sampling=Sampling(sampler=sampler, steps=steps),
        models=Models(checkpoint=MODEL),
    )
    began = clock()
    events = list(engine.run(request, Cancel()))
    seconds = clock() - began
    assert sum(isinstance(event, Progress) for event in events) >= steps - 1
    return seconds


if __name__ == "__main__":
    main()
