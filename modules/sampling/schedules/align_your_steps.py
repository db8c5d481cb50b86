"""Schedules found by optimisation, published as eleven sigmas each (Sabour et al. 2024)."""

import numpy as np
import torch
from torch import Tensor

from modules.sampling.schedules.schedule import Span, with_zero

# fmt: off
AYS = {
    "sd1": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}
GITS = {
    "sd1": (14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029),
    "sdxl": (14.615, 4.734, 2.567, 1.529, 0.987, 0.652, 0.418, 0.268, 0.179, 0.127, 0.029),
}
# fmt: on


def align_your_steps(steps: int, span: Span) -> Tensor:
    """The table of the model's family; other lengths by interpolating log sigma."""
    return _resampled(AYS.get(span.family, AYS["sd1"]), steps)


def align_your_steps_gits(steps: int, span: Span) -> Tensor:
    """The same with the tables of Chen et al. 2024 (GITS)."""
    return _resampled(GITS.get(span.family, GITS["sd1"]), steps)


def _resampled(levels: tuple[float, ...], steps: int) -> Tensor:
    if steps != len(levels):
        places, wanted = np.linspace(0, 1, len(levels)), np.linspace(0, 1, steps)
        # Interpolated over the ascending list: one step alone gives the smallest sigma.
        logs = np.interp(wanted, places, np.log(levels[::-1]))
        return with_zero(torch.tensor(np.exp(logs)[::-1].copy(), dtype=torch.float32))
    return with_zero(torch.tensor(levels, dtype=torch.float32))
