"""What the jobs of this machine have taught: prices of calls, loading, memory and disk."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from modules.service.preflight.fit import Line, Point, fitted, middle, nine_tenths
from modules.service.preflight.measured import Measured, errors_of
from modules.service.preflight.work import Work

KEPT = 150
"""Jobs of a kind of model that are learned from: the newest."""
ERRORS_OF = 100
"""Jobs whose errors are told: the newest."""
MEASURED, SIMILAR, GUESS = "measured", "similar", "guess"
"""What a foretold number rests on: on such jobs, on jobs somewhat like it, or on no job at all."""
SPREAD = {MEASURED: 1.25, SIMILAR: 1.8, GUESS: 3.0}
"""By how much the truth may be more or less, as a factor, until errors are known."""
BEYOND = 3.0
"""A job that is so much larger or smaller than any measured is only similar."""
LATE = 5
"""Jobs that tell how busy the machine is these minutes."""
MOST_HASTE = 2.0
"""What they are taken for at most."""
FEW = 3
"""Errors that are too few to say how good an estimate is."""

# Stable Diffusion 1.5: 0.18 TFLOP a sample at 256 x 256, 0.80 at 512 x 512; SDXL 6.75 at 1024 x
# 1024 (counted by a FLOP counter), split into what grows with the area and with its square.
USUAL, LARGE = (0.692, 0.111), (1.43, 0.063)
WORK = {"sd1": USUAL, "sd2": USUAL, "sdxl": LARGE}
TRANSFORMERS, TIMES = ("sd3", "flux"), 3.0
"""Families that do so many times the work of a U-Net for each byte of their files."""
USUAL_WEIGHT = 2.13e9
"""Bytes of a Stable Diffusion 1.5 in half precision."""
DECODING = 3.6
"""Work of decoding a picture, in calls of the network without its quadratic part."""
TERAFLOPS = {"CPU": 0.06, "MPS": 3.0}
"""A guess at the work done a second, of a processor for each of its cores."""
CARD_TERAFLOPS = 30.0
CALL_S = {"CPU": 0.004}
"""What a call costs however small the picture is."""
CARD_CALL_S = 0.015
START_S = 3.0
"""Until the process that draws has loaded its libraries."""
PICTURE_BYTES = {"png": 430e3, "jpg": 70e3, "webp": 45e3, "avif": 30e3}
"""Of 512 x 512 pixels, and of formats that are not here as of PNG."""

Rows = Sequence[Measured]


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a job will cost, without what goes before it."""

    seconds: float
    """With loading."""
    low: float
    high: float
    load: float
    memory: float
    """Most bytes of the process that draws."""
    device_memory: float
    """Most bytes of the graphics card; 0 without one, or where nothing is known."""
    disk: float
    """Bytes."""
    basis: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How far off estimates have been: medians of shares; None while nothing is known."""

    jobs: int
    seconds: float | None
    seconds_p90: float | None
    memory: float | None
    disk: float | None


class Knowledge:
    """Measurements of jobs by kind of model and device. Not thread-safe."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], deque[Measured]] = {}
        self._all: deque[Measured] = deque(maxlen=ERRORS_OF)
        self._lines: dict[tuple[str, ...], Line] = {}

    @property
    def newest(self) -> Measured | None:
        """The last job that was learned from."""
        return self._all[-1] if self._all else None

    def learn(self, one: Measured) -> None:
        """Take a job into account from now on."""
        key = (one.device, one.kind)
        self._rows.setdefault(key, deque(maxlen=KEPT)).append(one)
        self._all.append(one)
        self._lines.clear()

    def accuracy(self) -> Accuracy:
        """Say how far off the estimates of the newest jobs were."""
        off = errors_of(list(self._all))
        return Accuracy(
            jobs=len(off["seconds"]),
            seconds=middle(off["seconds"]),
            seconds_p90=nine_tenths(off["seconds"]),
            memory=middle(off["memory"]),
            disk=middle(off["disk"]),
        )

    def foresee(self, work: Work, device: str, *, loads: bool, cold: bool) -> Foreseen:
        """Say what `work` will cost on `device`.

        `loads` says whether the checkpoint has to be read first, `cold` whether the engine starts.
        """
        rows = self._of(device, work.kind)
        factor = self._factor(rows, work, device)
        line = self._calls(rows, work, device)
        calls = sum(p.calls * line.at(_call(p.samples, p.area)) for p in work.passes)
        rest = self._rest(rows, work, device).at(_finish(work.images, work.area))
        load = self._load(rows, work, device, cold=cold) if loads or cold else 0.0
        now = self._haste(rows, line)
        seconds = load + now * (rest + calls * work.batches * factor)
        basis = self._basis(rows, work)
        spread = self._spread(rows, basis)
        largest = work.largest
        room = _room(largest.samples, largest.area)
        return Foreseen(
            seconds=seconds,
            low=seconds / spread,
            high=seconds * spread,
            load=load,
            memory=self._memory(rows, work, device).at(room),
            device_memory=self._card(rows, work).at(room),
            disk=self._disk(rows, work) if work.saved else 0.0,
            basis=basis,
        )

    def _of(self, device: str, kind: str) -> Rows:
        return tuple(self._rows.get((device, kind), ()))

    def _others(self, device: str) -> Rows:
        """Jobs of every kind of model on a device."""
        return [row for (where, _), rows in self._rows.items() if where == device for row in rows]

    def _line(self, *key: str, draw: Callable[[], Line]) -> Line:
        """A line that is drawn once until the next job is learned."""
        if key not in self._lines:
            self._lines[key] = draw()
        return self._lines[key]

    def _calls(self, rows: Rows, work: Work, device: str) -> Line:
        """Seconds of a call: a constant, and what grows with the area and with its square."""

        def draw() -> Line:
            plain = [row for row in rows if not row.mode] or rows
            points: list[Point] = [
                (_call(one.samples, one.area), one.seconds / usual_factor(row.mode))
                for row in plain
                for one in row.calls
            ]
            return fitted(
                points, prior_call(work.weight, work.kind, device).times(self._pace(device))
            )

        return self._line("calls", device, work.kind, draw=draw)

    def _pace(self, device: str) -> float:
        """How much slower than guessed a device has turned out to be, by other models."""
        ratios = [
            one.seconds / prior_call(row.weight, row.kind, device).at(_call(one.samples, one.area))
            for row in self._others(device)
            for one in row.calls
        ]
        return middle(ratios) or 1.0

    def _factor(self, rows: Rows, work: Work, device: str) -> float:
        """How much dearer calls are in the job's mode."""
        if not work.mode:
            return 1.0
        line = self._calls(rows, work, device)
        seen = [
            one.seconds / line.at(_call(one.samples, one.area))
            for row in rows
            if row.mode == work.mode
            for one in row.calls
        ]
        return middle(seen) or usual_factor(work.mode)

    def _haste(self, rows: Rows, line: Line) -> float:
        """How much slower than usual the machine is, busy with something else.

        Half of what it was of late: it may be over by now.
        """
        ratios = [
            median(one.seconds / line.at(_call(one.samples, one.area)) for one in row.calls)
            for row in [row for row in rows if row.calls and not row.mode][-LATE:]
        ]
        if len(ratios) < LATE:
            return 1.0
        return min(max(median(ratios), 1 / MOST_HASTE), MOST_HASTE) ** 0.5

    def _rest(self, rows: Rows, work: Work, device: str) -> Line:
        """Seconds besides calls: a constant, and what each picture takes, by its area."""

        def points(manner: str) -> list[Point]:
            return [
                (_finish(row.images, row.area), row.rest)
                for row in rows
                if row.manner == manner and row.rest is not None
            ]

        def plain() -> Line:
            call = prior_call(work.weight, work.kind, device).times(self._pace(device))
            prior = Line((0.1, 0.03, 0.06 + DECODING * call.coefficients[1]))
            return fitted(points(""), prior)

        line = self._line("rest", device, work.kind, draw=plain)
        if not work.manner:
            return line
        key = ("rest", device, work.kind, work.manner)
        return self._line(*key, draw=lambda: fitted(points(work.manner), line.times(1.5)))

    def _load(self, rows: Rows, work: Work, device: str, *, cold: bool) -> float:
        seen = [row.load for row in rows if row.load is not None and row.cold == cold]
        if seen:
            return median(seen[-9:])
        return 0.3 + work.weight / 2e9 + (START_S if cold else 0.0)

    def _memory(self, rows: Rows, work: Work, device: str) -> Line:
        """Bytes: what there is anyway, what each sample's area adds, and what decoding adds."""

        def draw() -> Line:
            calm = [row for row in rows if row.load is None] or rows
            return fitted(
                ((_room(row.samples, row.span), float(row.peak)) for row in calm),
                prior_memory(work.weight, work.kind),
            )

        return self._line("memory", device, work.kind, draw=draw)

    def _card(self, rows: Rows, work: Work) -> Line:
        """The same of the graphics card; nothing where none was ever used."""
        points = [(_room(row.samples, row.span), float(row.device_peak)) for row in rows]
        points = [one for one in points if one[1] > 0]
        if not points:
            return Line((0.0, 0.0, 0.0))
        return fitted(points, prior_memory(work.weight, work.kind))

    def _disk(self, rows: Rows, work: Work) -> float:
        """Bytes of all pictures; what a grid holds is as large as they are together."""
        usual = PICTURE_BYTES.get(work.format, PICTURE_BYTES["png"])
        own = [row for row in rows if row.format == work.format and row.disk]
        every = (row for rows in self._rows.values() for row in rows)
        known = own or [row for row in every if row.format == work.format and row.disk]
        points: list[Point] = [((1.0, row.area), float(row.disk)) for row in known]
        one = fitted(points, Line((1500.0, usual))).at((1.0, work.area))
        return one * work.images * (2 if work.grid else 1)

    def _basis(self, rows: Rows, work: Work) -> str:
        if work.unforeseen or not any(row.calls for row in rows):
            return GUESS
        alike = [row for row in rows if row.mode == work.mode and row.manner == work.manner]
        sizes = [one.samples * one.area for row in alike for one in row.calls]
        wanted = [one.samples * one.area for one in work.passes]
        if not sizes or max(wanted) > max(sizes) * BEYOND or min(wanted) * BEYOND < min(sizes):
            return SIMILAR
        return MEASURED

    def _spread(self, rows: Rows, basis: str) -> float:
        """By how much nine of ten jobs of the kind were off, as a factor."""
        off = errors_of(list(rows))["seconds"]
        if basis != MEASURED or len(off) < FEW:
            return SPREAD[basis]
        return 1 + min(SPREAD[SIMILAR] - 1, max(0.05, nine_tenths(off) or 0.0))


def _call(samples: int, area: float) -> tuple[float, float, float]:
    return (1.0, samples * area, samples * area * area)


def _finish(images: int, area: float) -> tuple[float, float, float]:
    return (1.0, float(images), images * area)


def _room(samples: int, area: float) -> tuple[float, float, float]:
    return (1.0, samples * area, area)


def prior_call(weight: int, kind: str, device: str) -> Line:
    """Seconds of a call, guessed from the size of the model and the kind of device."""
    linear, quadratic = _work_of_call(weight, kind)
    cores = (os.cpu_count() or 1) if device.startswith("CPU") else 1
    name = device.split(",")[0]
    speed = TERAFLOPS.get(name, CARD_TERAFLOPS) * cores
    return Line((CALL_S.get(name, CARD_CALL_S), linear / speed, quadratic / speed))


def _work_of_call(weight: int, kind: str) -> tuple[float, float]:
    """TFLOP of a sample for each unit of area, and for its square."""
    family = kind.partition(" ")[0]
    if family in WORK and weight > USUAL_WEIGHT / 2:
        return WORK[family]
    share = weight / USUAL_WEIGHT * (TIMES if family in TRANSFORMERS else 1.0)
    return (USUAL[0] * share, USUAL[1] * share)


def prior_memory(weight: int, kind: str) -> Line:
    """Bytes of the process that draws, guessed from the size of the model."""
    share = _work_of_call(weight, kind)[0] / USUAL[0]
    return Line((0.45e9 + 1.1 * weight, 0.15e9 * share, 1.2e9 * share))


def usual_factor(mode: str) -> float:
    """How much dearer calls usually are in a mode, until it has been measured."""
    factor = 1.0
    for part in mode.split(", ") if mode else ():
        name, _, value = part.rpartition(" ")
        if name == "control":
            factor *= 1 + 0.4 * float(value)
        elif name.startswith("token_merging"):
            factor *= 1 - 0.3 * float(value)
        elif name == "step_cache":
            factor *= (1 + 0.3 * (float(value) - 1)) / float(value)
    return factor
