"""What was seen of one job: seconds of its parts, memory and disk; and a stopwatch that sees it."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any

from modules.schema.event import Event, ImageReady, Loading, Progress
from modules.service.preflight.work import Work

log = logging.getLogger(__name__)

VERSION = 1
"""Of the form in which measurements are kept; those of other versions are passed over."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The price of one call of the network in a pass."""

    samples: int
    area: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What was foretold of a job before it began."""

    seconds: float
    memory: float
    disk: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One finished job. Seconds, bytes, and areas in units of 512 x 512 pixels."""

    device: str
    kind: str
    mode: str
    manner: str
    format: str
    total: float
    """From the moment the engine was asked to the last picture's being saved."""
    calls: tuple[Calls, ...]
    rest: float | None
    """What was not calls and not loading; None if that cannot be told apart."""
    load: float | None
    """Reading the checkpoint; None if it was there."""
    cold: bool = False
    """Whether the engine itself had to start."""
    weight: int = 0
    batches: int = 1
    images: int = 1
    area: float
    samples: int = 1
    """Of the largest pass."""
    span: float
    """Area of the largest pass."""
    peak: int = 0
    """Most bytes the process that draws had; 0 if unknown."""
    device_peak: int = 0
    """Most bytes of the graphics card's memory; 0 if there is none."""
    disk: int = 0
    """Bytes of an average picture on disk; 0 if none was saved."""
    files: int = 0
    """Bytes of everything that was saved."""
    foretold: Foretold | None = None

    def text(self) -> str:
        """The same as JSON."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"))


def measured_from(text: str) -> Measured | None:
    """Read what `Measured.text` wrote; None for another version's, or damaged ones."""
    try:
        values: dict[str, Any] = json.loads(text)
        if values.pop("version") != VERSION:
            return None
        known = {one.name for one in fields(Measured)}
        kept = {name: value for name, value in values.items() if name in known}
        kept["calls"] = tuple(Calls(**one) for one in values["calls"])
        foretold = values.get("foretold")
        kept["foretold"] = Foretold(**foretold) if foretold else None
        return Measured(**kept)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.debug("A measurement is passed over: %s", error)
        return None


Clock = Callable[[], float]


@dataclass
class Stopwatch:
    """Sees a job's events as they come, and says in the end what its parts took."""

    work: Work
    cold: bool = False
    foretold: Foretold | None = None
    clock: Clock = time.monotonic
    peak: Callable[[], int] = lambda: 0
    """Asked once, in the end: the most bytes that the process that draws had."""
    began: float = 0.0
    loading: float | None = None
    after_load: float | None = None
    steps: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    """Moments of each batch's steps."""
    images: int = 0
    bytes: int = 0
    more_bytes: int = 0
    """Of files besides the pictures."""

    def __post_init__(self) -> None:
        self.began = self.clock()

    def heard(self, event: Event) -> None:
        """Take note of an event that has just been written down."""
        now = self.clock()
        if isinstance(event, Progress):
            self.steps.setdefault(event.batch, []).append((event.step, now))
            if self.loading is not None and self.after_load is None:
                self.after_load = now
        elif isinstance(event, Loading) and self.loading is None:
            self.loading = now
        elif isinstance(event, ImageReady):
            self.images += event.image.kind == "image"
            self.bytes += size_of(event.image.path)

    def measured(self, device: str, device_peak: int = 0) -> Measured | None:
        """Say what the job took on `device`; None unless it was drawn here from start to end."""
        work, total = self.work, self.clock() - self.began
        if self.images != work.images or work.unforeseen or not work.kind:
            return None
        calls = tuple(self._calls())
        load = self._load(calls)
        return Measured(
            device=device,
            kind=work.kind,
            mode=work.mode,
            manner=work.manner,
            format=work.format,
            total=total,
            calls=calls,
            rest=self._rest(calls, total - (load or 0.0)),
            load=load,
            cold=self.cold,
            weight=work.weight,
            batches=work.batches,
            images=work.images,
            area=work.area,
            samples=work.largest.samples,
            span=work.largest.area,
            peak=self.peak(),
            device_peak=device_peak,
            disk=round(self.bytes / self.images) if work.saved else 0,
            files=self.bytes + self.more_bytes if work.saved else 0,
            foretold=self.foretold,
        )

    def remaining(self, seconds: float) -> float:
        """What is left of a job that was to take so many `seconds`."""
        total = sum(one.steps for one in self.work.passes) * max(1, self.work.batches)
        done = sum(len(steps) for steps in self.steps.values())
        return max(
            seconds - (self.clock() - self.began), seconds * (1 - min(1.0, done / total)) / 2
        )

    def _calls(self) -> list[Calls]:
        """The price of a call in each pass, the median over batches of its mean."""
        found, before = [], 0
        for one in self.work.passes:
            prices = [self._price(steps, before, before + one.steps) for steps in self._batches()]
            known = [price for price in prices if price is not None]
            if known:
                per_step = one.calls / one.steps
                seconds = median(known) / per_step
                found.append(Calls(samples=one.samples, area=one.area, seconds=seconds))
            before += one.steps
        return found

    def _batches(self) -> list[list[tuple[int, float]]]:
        return list(self.steps.values())

    def _price(self, steps: list[tuple[int, float]], first: int, last: int) -> float | None:
        """Mean seconds between the steps numbered first + 1 to last; None with fewer than two."""
        inside = [(step, moment) for step, moment in steps if first < step <= last]
        if len(inside) < 2 or inside[-1][0] <= inside[0][0]:
            return None
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    def _load(self, calls: tuple[Calls, ...]) -> float | None:
        if self.loading is None or self.after_load is None:
            return None
        step = calls[0].seconds if calls else 0.0
        return max(0.0, self.after_load - self.loading - step)

    def _rest(self, calls: tuple[Calls, ...], total: float) -> float | None:
        if len(calls) != len(self.work.passes):
            return None
        passes = zip(self.work.passes, calls, strict=True)
        drawing = sum(one.calls * call.seconds for one, call in passes) * self.work.batches
        return max(0.0, total - drawing)


def size_of(path: str) -> int:
    """Bytes of a file; 0 if it is not there."""
    try:
        return Path(path).stat().st_size if path else 0
    except OSError:
        return 0


def errors_of(known: list[Measured]) -> Mapping[str, list[float]]:
    """How far off each foretold number was, as shares of what came of it."""
    off: dict[str, list[float]] = {"seconds": [], "memory": [], "disk": []}
    for one in known:
        if one.foretold is None:
            continue
        pairs = {
            "seconds": (one.foretold.seconds, one.total),
            "memory": (one.foretold.memory, one.peak),
            "disk": (one.foretold.disk, one.files),
        }
        for name, (told, came) in pairs.items():
            if came > 0 and told > 0:
                off[name].append(abs(told - came) / came)
    return off
