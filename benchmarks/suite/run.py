"""The whole suite in one command: figures as JSON, a table, a chart.

    python -m benchmarks [--quick] [--only NAME ...] [--out FOLDER] [--device cuda]
    python -m benchmarks --list
    python -m benchmarks --comfyui http://127.0.0.1:8188 --checkpoint FILE --only beside

Every part runs in a process of its own, one after the other; one that fails or for which there is
not enough memory is in the table with the reason. Anything else that runs on the machine is in the
figures too: look at the spread.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from benchmarks.suite.catalogue import PARTS, Part
from benchmarks.suite.chart import chart
from benchmarks.suite.facts import about_machine
from benchmarks.suite.figure import Figure
from benchmarks.suite.others import OTHERS
from benchmarks.suite.publish import publish
from benchmarks.suite.report import report
from benchmarks.suite.server import ROOT
from benchmarks.suite.wish import Wish
from modules.errors import NotFound, WebUIError
from modules.paths import Paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print and write the figures; returns the exit code."""
    chosen = flags().parse_args(arguments)
    try:
        if chosen.list:
            print(*(f"{part.name:16} {part.about}" for part in PARTS), sep="\n")
        elif chosen.publish:
            publish(chosen.publish)
        elif chosen.part:
            run_part(named(chosen.part), chosen.figures, wish_of(json.loads(chosen.wish)))
        else:
            run_all(chosen)
    except WebUIError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return 2
    return 0


def flags() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few minutes: small parts, less often"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these parts alone")
    parser.add_argument("--list", action="store_true", help="say which parts there are")
    parser.add_argument("--out", type=Path, default=Paths().cache / "benchmarks", metavar="FOLDER")
    parser.add_argument("--folder", type=Path, help="for scratch files, 9 GB at most")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    for name, kind in OTHERS.items():
        parser.add_argument(kind.flag, dest=name, default="", help=f"{kind.title}: {kind.needs}")
    parser.add_argument("--checkpoint", default="", help="the file that other programs have too")
    parser.add_argument("--side", type=int, default=512, help="of pictures beside other programs")
    parser.add_argument("--steps", type=int, default=4, help="of pictures beside other programs")
    parser.add_argument(
        "--publish", type=Path, metavar="FOLDER", help="put the figures there into the manual"
    )
    for hidden in ("--part", "--wish", "--figures"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser


def named(name: str) -> Part:
    """The part called `name`. Raises NotFound."""
    for part in PARTS:
        if part.name == name:
            return part
    raise NotFound("part of the suite", name, [part.name for part in PARTS])


def wanted(chosen: argparse.Namespace) -> list[Part]:
    """The parts to measure, in the table's order. Raises NotFound."""
    if chosen.only:
        names = {named(name).name for name in chosen.only}
        return [part for part in PARTS if part.name in names]
    gpu = chosen.device != "cpu"
    return [
        part
        for part in PARTS
        if not (part.asked and not gpu)
        and (gpu or not part.gpu)
        and (part.quick or not chosen.quick)
    ]


def wish_of(data: dict[str, Any]) -> Wish:
    """A wish as another process sent it."""
    return Wish(**{**data, "folder": Path(data["folder"])})


def run_all(chosen: argparse.Namespace) -> None:
    """Every part in turn; the files are written after each, so that nothing measured is lost."""
    figures: list[Figure] = []
    about = about_machine(chosen.device)
    if chosen.quick:
        about["rounds"] = "of which there were few (--quick)"
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        wish = Wish(
            folder=Path(folder),
            quick=chosen.quick,
            device=chosen.device,
            others={name: getattr(chosen, name) for name in OTHERS},
            checkpoint=chosen.checkpoint,
            side=chosen.side,
            steps=chosen.steps,
        )
        for part in wanted(chosen):
            began = time.perf_counter()
            print(f"\n{part.name}: {part.about}", flush=True)
            found = list(measured(part, wish))
            for figure in found:
                print(f"  {figure.name:38} {figure.text:30} {figure.how}", flush=True)
            print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)
            figures += found
            write(chosen.out, about, figures)
    print(f"\nWritten to {chosen.out}: figures.json, figures.md, figures.svg")


def measured(part: Part, wish: Wish) -> Iterator[Figure]:
    """The figures of one part, measured in its own process and folder."""
    free = psutil.virtual_memory().available / 1e9
    if free < part.needs_gb:
        why = f"needs {part.needs_gb:g} GB of memory, {free:.1f} are free"
        yield Figure.missing(part.name, part.about, why)
        return
    with tempfile.TemporaryDirectory(dir=wish.folder, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "figures.json"
        own = asdict(replace(wish, folder=Path(folder))) | {"folder": folder}
        words = [sys.executable, "-m", "benchmarks", "--part", part.name]
        words += ["--wish", json.dumps(own), "--figures", str(path)]
        told = subprocess.run(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        if path.is_file():
            yield from map(Figure.from_json, json.loads(path.read_text("utf-8")))
        if told.returncode:
            last = (told.stderr.strip().splitlines() or ["no message"])[-1]
            yield Figure.missing(part.name, part.about, f"broke off: {last}")


def run_part(part: Part, path: str, wish: Wish) -> None:
    """Measure one part in this process; what was found before a failure is kept."""
    module, _, name = part.measure.partition(":")
    figures: list[dict[str, Any]] = []
    try:
        for figure in getattr(import_module(f"benchmarks.suite.parts.{module}"), name)(wish):
            figures.append(figure.as_json())
    finally:
        Path(path).write_text(json.dumps(figures), encoding="utf-8")


def write(folder: Path, about: dict[str, str], figures: list[Figure]) -> None:
    """All three files."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"about": about, "figures": [figure.as_json() for figure in figures]}
    (folder / "figures.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (folder / "figures.md").write_text(report(about, figures), encoding="utf-8")
    (folder / "figures.svg").write_text(chart(about, figures), encoding="utf-8")
