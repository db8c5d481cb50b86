"""Pictures from end to end: over HTTP, beside the bare network, and in turns with diffusers.

Everything takes its turn in every round, so that other work on the machine meets all alike. The
first round is for getting warm and does not count.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.suite.children import Child
from benchmarks.suite.figure import Figure
from benchmarks.suite.server import Server

CONTENDERS = {"diffusers": {}, "diffusers compiled": {"compile": True}}
"""What diffusers is told, by the name it has in the table."""


@dataclass(frozen=True)
class Mode:
    """A way for the program to draw: flags of the server and fields of the request."""

    flags: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


MODES: dict[str, Mode] = {
    "default": Mode(),
    "float32": Mode(flags=("--no-half",)),
    "balanced": Mode(fields={"override_settings": {"speed": "Balanced"}}),
    "fast": Mode(fields={"override_settings": {"speed": "Fast"}}),
}
"""What can be measured; "default" is what the program chooses by itself."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is drawn, how often, and beside whom."""

    part: str
    kind: str
    """"sd15", "sdxl", or anything else for a checkpoint that has no twin in diffusers."""
    checkpoint: Path
    data: Path
    """Where the server keeps its own; empty or missing."""
    side: int = 512
    steps: int = 4
    longer: int = 8
    """Steps of a second picture: the difference tells what a step takes."""
    repeats: int = 3
    mode: str = "default"
    also: tuple[str, ...] = ()
    """More of `MODES` that the same server draws in; their flags do not count."""
    device: str = "cpu"
    contenders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turns:
    """Seconds of every round, by who took them, and what was learnt beside that."""

    seconds: dict[str, list[float]]
    rates: dict[str, list[float]]
    """GFLOP/s of large products in every round, by number type."""
    work: float
    """Floating point operations of a call."""
    bytes: dict[str, float]
    precision: str


def measured(drawing: Drawing, tell: bool = True) -> Iterator[Figure]:
    """Take turns and give the figures."""
    yield from figures(drawing, turns(drawing, tell=tell))


def turns(drawing: Drawing, tell: bool = True) -> Turns:
    """Draw in turns; `tell` prints every round."""
    mode = MODES[drawing.mode]
    with ExitStack() as stack:
        folder = drawing.checkpoint.parent
        ours = stack.enter_context(Server(drawing.data, folder, drawing.device, mode.flags))
        full = {"full": True} if "--no-half" in mode.flags else {}
        calls = {"side": drawing.side, "calls": drawing.steps, "device": drawing.device, **full}
        network = stack.enter_context(Child("network", drawing.checkpoint, **calls))
        others = {name: stack.enter_context(rival(drawing, name)) for name in drawing.contenders}
        precision, seconds, rates = "", dict[str, list[float]](), dict[str, list[float]]()
        fields = dict(mode.fields)
        for number in range(drawing.repeats + 1):
            answer = ours.draw(drawing.side, drawing.steps, **fields)
            precision = answer.precision
            turn = {"ours": answer.seconds}
            for name in drawing.also:
                more = MODES[name].fields
                turn[f"ours, {name}"] = ours.draw(drawing.side, drawing.steps, **more).seconds
            turn |= {name: one.ask("draw")["seconds"] for name, one in others.items()}
            turn["longer"] = ours.draw(drawing.side, drawing.longer, **fields).seconds
            turn["call"] = network.ask("call")["seconds"]
            for dtype, rate in network.ask("products").items():
                rates.setdefault(dtype, []).append(rate)
            if tell:
                told = {name: round(value, 3) for name, value in turn.items()}
                print(f"{number or 'warm':>5}", told, flush=True)
            for name, value in turn.items() if number else ():
                seconds.setdefault(name, []).append(value)
        held = {"ours": ours.peak_bytes()}
        held |= {name: one.ask("memory")["bytes"] for name, one in others.items()}
        rates = {dtype: found[1:] for dtype, found in rates.items()}  # not the round to get warm
        return Turns(seconds, rates, network.ask("work")["flop"], held, precision)


def rival(drawing: Drawing, name: str) -> Child:
    """A process of diffusers for the same pictures."""
    asked = {"side": drawing.side, "steps": drawing.steps, "device": drawing.device}
    return Child("diffusers", drawing.kind, **asked, **CONTENDERS[name])


def figures(drawing: Drawing, seen: Turns) -> Iterator[Figure]:
    """What the rounds say."""
    part, how = drawing.part, f"{drawing.side} x {drawing.side}, {drawing.steps} steps, over HTTP"
    ours, longer, call = (seen.seconds[name] for name in ("ours", "longer", "call"))
    yield from comparisons(drawing, seen, how)
    yield Figure.of(part, "a picture", ours, "s", f"{how}, in {seen.precision}")
    for name in drawing.also:
        yield Figure.of(part, f"a picture, {name} mode", seen.seconds[f"ours, {name}"], "s", how)
    for name in drawing.contenders:
        yield Figure.of(part, f"a picture, {name}", seen.seconds[name], "s", how)
    between = drawing.longer - drawing.steps
    steps = [(b - a) / between for a, b in zip(ours, longer, strict=True)]
    yield Figure.of(part, "a step", steps, "s", f"{drawing.longer} steps less {drawing.steps}")
    yield Figure.of(part, "a call of the network", call, "s", "alone, two rows")
    beyond = [100 * (step / one - 1) for step, one in zip(steps, call, strict=True)]
    yield Figure.of(part, "a step beyond its call", beyond, "%", "of the call")
    yield from overheads(drawing, longer, call)
    yield Figure.of(part, "work of a call", seen.work / 1e12, "TFLOP", "counted by torch")
    known = {seen.precision} & set(seen.rates) or set(seen.rates)
    for dtype, peaks in ((dtype, seen.rates[dtype]) for dtype in sorted(known)):
        shares = [seen.work / one / peak / 1e7 for one, peak in zip(call, peaks, strict=True)]
        share = f"of a large product in {dtype}, {max(peaks):,.0f} GFLOP/s, in the same round"
        yield Figure.of(part, f"share of {dtype} peak", shares, "%", share)
    for name, held in seen.bytes.items():
        who = "server and drawing process" if name == "ours" else "one process"
        yield Figure.of(part, f"peak memory, {name}", held / 1e9, "GB", who)


def comparisons(drawing: Drawing, seen: Turns, how: str) -> Iterator[Figure]:
    """How many times as fast every mode is as everybody else, pair by pair."""
    modes = {"": "ours", **{f", {name} mode": f"ours, {name}" for name in drawing.also}}
    for name in drawing.contenders:
        for title, key in modes.items():
            pairs = zip(seen.seconds[name], seen.seconds[key], strict=True)
            ratios = [theirs / mine for theirs, mine in pairs]
            told = f"{how}, pair by pair"
            yield Figure.of(drawing.part, f"times as fast as {name}{title}", ratios, "x", told)


def overheads(drawing: Drawing, longer: list[float], call: list[float]) -> Iterator[Figure]:
    """What of the longer picture's time was not the network's."""
    count = drawing.longer
    rest = [wall - count * one for wall, one in zip(longer, call, strict=True)]
    shares = [100 * one / wall for one, wall in zip(rest, longer, strict=True)]
    how = f"wall time less {count} calls, {drawing.side} x {drawing.side}"
    yield Figure.of(drawing.part, f"overhead at {count} steps", shares, "%", f"({how}) / wall")
    yield Figure.of(drawing.part, "beside the network", [1000 * one for one in rest], "ms", how)
