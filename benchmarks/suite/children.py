"""Processes that do one thing when told to: the bare network, and plain diffusers.

    python -m benchmarks.suite.children network FILE --side 512 --calls 4 --device cpu

Each answers words on its input with lines of JSON. What they measure has a process of its own, so
that memory is that of the thing measured and nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.load import peak_bytes
from benchmarks.suite.diffusers_pipeline import pipeline_for
from benchmarks.suite.server import ROOT
from modules.threads import wait_quietly

TOKENS = 77
PEAK_SIDE = {"cpu": 2048, "cuda": 8192}
"""Rows and columns of the matrices that tell what a device can do."""
PRODUCTS = {"cpu": (torch.bfloat16, torch.float32), "cuda": (torch.float16, torch.bfloat16)}
TRIES = 4
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error"}
"""No advice about packages that are not needed here."""

Answers = Mapping[str, Callable[[], dict[str, float]]]


class Child:
    """One of this module's processes, from its parent's side."""

    def __init__(self, kind: str, checkpoint: Path | str, **options: object) -> None:
        self.kind = kind
        self.command = [sys.executable, "-m", "benchmarks.suite.children", kind, str(checkpoint)]
        for name, value in options.items():
            self.command += [f"--{name}"] if value is True else [f"--{name}", str(value)]

    def __enter__(self) -> "Child":
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        wait_quietly()  # the child inherits it: its threads wait as the program's own do
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=os.environ | QUIET, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, word: str) -> dict[str, float]:
        """Say a word and wait for the answer. Raises RuntimeError if there will be none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(word, file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"The process {self.kind!r} ended with {self.process.wait()}.")
        return dict(json.loads(line))


def answering(answers: Answers) -> None:
    """Answer until nobody asks any more; `memory` is always known."""
    answers = {"memory": lambda: {"bytes": peak_bytes(os.getpid())}, **answers}
    for line in sys.stdin:
        print(json.dumps(answers[line.strip()]()), flush=True)


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """How long `work` takes, until the device has really done it."""
    if device != "cpu":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def network(chosen: argparse.Namespace) -> None:
    """Call a checkpoint's network alone, on a batch of two as guidance does."""
    from modules.model.device import pick_device
    from modules.model.loader import load_model
    from modules.model.memory import MemoryPlan

    device = pick_device(chosen.device, half=not chosen.full)
    plan = MemoryPlan(device.device, device.dtype, large_dtype=device.large_dtype)
    model = load_model(chosen.checkpoint, plan=plan)
    unet, cells = model.unet, chosen.side // model.downsample
    context, width = unet.config.context_dim, unet.config.adm_in_channels
    inputs: list[Tensor | None] = [
        torch.randn(2, model.latent_channels, cells, cells),
        torch.tensor([500.0, 500.0]),
        torch.randn(2, TOKENS, context),
        None if width is None else torch.randn(2, width),
    ]
    inputs = [one if one is None else one.to(device.device) for one in inputs]
    kind = device.device.type

    @torch.no_grad()
    def call() -> object:
        with model.resident("unet"):
            return [unet(*inputs) for _ in range(chosen.calls)]

    def work() -> dict[str, float]:
        return {"flop": work_of(unet.config, inputs)}

    answering(
        {
            "call": lambda: {"seconds": seconds_of(call, kind) / chosen.calls},
            "products": lambda: peaks(kind),
            "work": work,
        }
    )


def work_of(config: Any, inputs: list[Tensor | None]) -> float:
    """Floating point operations of a call, as the plain network's products have them.

    Counted without computing, on a device without memory: the same whatever kernels are in use.
    """
    from torch.utils.flop_counter import FlopCounterMode  # looks for a compiler: late

    from modules.model.network_kinds import denoiser

    with torch.device("meta"):
        plain = denoiser(config)
    shapes = [None if one is None else one.float().to("meta") for one in inputs]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        plain(*shapes)
    return float(counter.get_total_flops())


def peaks(device: str) -> dict[str, float]:
    """GFLOP/s of large products on a device, by number type."""
    return {str(one).removeprefix("torch."): product_rate(one, device) for one in PRODUCTS[device]}


def product_rate(dtype: torch.dtype, device: str = "cpu") -> float:
    """GFLOP/s of a large product of matrices: the best of several."""
    side = PEAK_SIDE[device]
    x = torch.ones(side, side, device=device).to(dtype)
    return 2 * side**3 / min(seconds_of(lambda: x @ x, device) for _ in range(TRIES)) / 1e9


def diffusers(chosen: argparse.Namespace) -> None:
    """Draw with diffusers' own pipeline, text encoder included; `checkpoint` is a kind."""
    draw = pipeline_for(
        str(chosen.checkpoint), chosen.side, chosen.steps, chosen.device, compiled=chosen.compile
    )
    answering({"draw": lambda: {"seconds": seconds_of(draw, chosen.device)}})


CHILDREN = {"network": network, "diffusers": diffusers}


def main() -> None:
    """Be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=CHILDREN)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="all in float32")
    parser.add_argument("--compile", action="store_true", help="diffusers with torch.compile")
    chosen = parser.parse_args()
    CHILDREN[chosen.kind](chosen)


if __name__ == "__main__":
    main()
