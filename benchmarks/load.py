"""How long loading a model takes beside reading its file once, and how much memory.

    python -m benchmarks load [--kind sd15] [--folder /tmp] [--json FILE]

Files of the real shapes are made on the spot, with random numbers in half precision, as
safetensors and as a PyTorch checkpoint. Everything is measured in a fresh process with the file in
the system's cache, the best of several times. What Python does once (imports, first use of torch)
is left out: the process loads the file, forgets it, and loads it again for the measurement.

  cat        `cat FILE > /dev/null`
  at home    the model is ready to be moved to a device, in the file's own number type; this is what
             a GPU, and every sparing policy, starts from
  touched    the same, and then every page of it is read
  float32    converted as a whole, which is how a CPU with enough memory draws
  bfloat16   the same, for large models on processors that are faster at it

Two ratios to "cat": of time, and of processor time, which a busy machine stretches less. Peak
memory is that of the whole process, Python and torch included. The aims: "touched" at most 1.5
times "cat", and at most 1.2 times the file plus 1 GB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.suite.checkpoints import KINDS, write_checkpoint
from modules.model.files import read_weights

WAYS = ("at home", "touched", "float32", "bfloat16")
CONVERTED = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main() -> None:
    """Make the files, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--way", choices=WAYS, action="append")
    parser.add_argument("--folder", type=Path, help="where the files go; they are deleted")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-ckpt", action="store_true", help="only safetensors")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(load_once(Path(chosen.one[0]), chosen.one[1])))
        return
    rows = []
    print(
        f"{'file':18} {'GB':>6} {'way':8} {'s':>7} {'x cat':>6} {'cpu s':>6} {'x cat':>6} "
        f"{'peak GB':>8} {'allowed':>8}"
    )
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for kind in chosen.kind or KINDS:
            files = [write_checkpoint(kind, Path(folder) / f"{kind}.safetensors")]
            if not chosen.no_ckpt:
                files.append(as_checkpoint(files[0]))
            for file in files:
                rows += measure(file, chosen.way or list(WAYS), chosen.repeats)
                file.unlink()
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(file: Path, ways: list[str], repeats: int) -> list[dict[str, object]]:
    """Every way of one file."""
    size = file.stat().st_size
    cats = [seconds_of_cat(file) for _ in range(repeats + 1)]
    cat, cat_cpu = (min(column) for column in zip(*cats, strict=True))
    print(
        f"{file.name:18} {size / 1e9:6.2f} {'cat':8} {cat:7.3f} {'':6} {cat_cpu:6.3f}", flush=True
    )
    rows: list[dict[str, object]] = []
    for way in ways:
        command = [sys.executable, "-m", "benchmarks.load", "--one", str(file), way]
        found = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(repeats)
        ]
        best = {key: min(one[key] for one in found) for key in found[0]}
        print(
            f"{'':18} {'':6} {way:8} {best['seconds']:7.3f} {best['seconds'] / cat:6.2f} "
            f"{best['cpu_seconds']:6.3f} {best['cpu_seconds'] / cat_cpu:6.2f} "
            f"{best['peak_bytes'] / 1e9:8.2f} {(size * 1.2 + 1e9) / 1e9:8.2f}",
            flush=True,
        )
        rows.append(
            {"file": file.name, "bytes": size, "way": way, "cat": cat, "cat_cpu": cat_cpu} | best
        )
    return rows


def seconds_of_cat(file: Path) -> tuple[float, float]:
    """Reading the file once, from the system's cache if it is there: time, processor time."""
    before = os.times()
    with open("/dev/null", "wb") as nothing:
        subprocess.run(["cat", str(file)], stdout=nothing, check=True)
    after = os.times()
    used = after.children_user + after.children_system
    return after.elapsed - before.elapsed, used - before.children_user - before.children_system


def load_once(path: Path, way: str) -> dict[str, float]:
    """Time, processor time and peak memory of one loading, in this process."""
    from modules.model.loader import load_model
    from modules.model.memory import MemoryPlan

    if way not in CONVERTED:
        load_model(path, plan=MemoryPlan(torch.device("cpu"), torch.float16, hint="all"))
    dtype = CONVERTED.get(way, torch.float16)
    plan = MemoryPlan(torch.device("cpu"), dtype, hint="all")
    began, began_cpu = time.perf_counter(), time.process_time()
    model = load_model(path, plan=plan)
    if way == "touched":
        for network in model.networks:
            for parameter in network.parameters():
                parameter.data.view(-1)[:: 4096 // parameter.element_size()].sum()
    cpu, seconds = time.process_time() - began_cpu, time.perf_counter() - began
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak_bytes()}


def peak_bytes(process: int | str = "self") -> int:
    """The most memory a process ever had: its own pages and those of mapped files."""
    for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("the system does not tell")


def as_checkpoint(path: Path) -> Path:
    """The same tensors as PyTorch saves them."""
    target = path.with_suffix(".ckpt")
    with read_weights(path) as weights:
        torch.save({"state_dict": {name: weights[name] for name in weights}}, target)
    return target


if __name__ == "__main__":
    main()
