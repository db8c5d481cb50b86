"""How far a job is, and how long it will still take."""

import math
import time
from collections.abc import Callable

from torch import Tensor

from modules.sampling.plan import SamplingPass
from modules.schema.event import Progress


class ProgressMeter:
    """Counts a job's steps. The rest of the time is estimated from the steps done in this run."""

    def __init__(
        self, batches: int, first_batch: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`first_batch` is the one this run begins with; those before it are done."""
        self.batches, self.first_batch, self.clock = batches, first_batch, clock
        self.started = clock()

    def at(self, step: int, steps: int, batch: int) -> Progress:
        """The event for `step` of `steps` done in `batch`."""
        done = batch - self.first_batch + step / max(1, steps)
        left = self.batches - self.first_batch - done
        eta_s = (self.clock() - self.started) / done * left if done else 0.0
        return Progress(step=step, steps=steps, batch=batch, batches=self.batches, eta_s=eta_s)


def steps_done(plan: SamplingPass, evaluations: int, sigma: Tensor) -> int:
    """How many of the plan's steps are done after so many evaluations, the last at `sigma`."""
    if plan.sampler.adaptive:
        largest, smallest = math.log(plan.table.sigma_max), math.log(plan.table.sigma_min)
        share = (largest - math.log(float(sigma))) / (largest - smallest)
        return min(max(round(plan.steps * share), 0), plan.steps)
    return min(math.ceil(evaluations / plan.sampler.calls_per_step), plan.steps)
