"""Which device to compute on, and in which number type."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modules.errors import InvalidRequest
from modules.model.quickening import quick_type


@dataclass(frozen=True)
class Device:
    """A place to compute. `dtype` is the networks' type; latents are float32 everywhere."""

    device: torch.device
    dtype: torch.dtype
    title: str
    large_dtype: torch.dtype | None = None
    """What large networks compute in; None: the same."""


def pick_device(wanted: str = "auto", *, half: bool = True) -> Device:
    """The best device there is, or the `wanted` one ("auto", "cpu", "cuda", "cuda:1", "mps").

    Networks run in float16 on GPUs unless `half` is False, and in float32 on the CPU, large ones
    in bfloat16 if `half` allows it and it is faster there. Raises InvalidRequest when the wanted
    device is not there.
    """
    kind = wanted.split(":")[0]
    if wanted == "auto":
        kind = wanted = first_available()
    if kind not in AVAILABLE:
        raise InvalidRequest(
            f"No device called {wanted!r}.", f"There are: auto, {', '.join(AVAILABLE)}."
        )
    if not AVAILABLE[kind]():
        raise InvalidRequest(
            f"PyTorch sees no {kind} device here.", "Leave the device at auto to use what there is."
        )
    device = torch.device(wanted)
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise InvalidRequest(f"There is no {wanted}.", f"GPUs are numbered 0 to {count - 1}.")
    dtype = torch.float16 if half and kind != "cpu" else torch.float32
    title = torch.cuda.get_device_name(device) if kind == "cuda" else kind.upper()
    return Device(device, dtype, title, quick_type() if half and kind == "cpu" else None)


def first_available() -> str:
    """The kind of the fastest device there is."""
    return next(kind for kind, available in AVAILABLE.items() if available())


AVAILABLE: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}
"""Kinds of device, fastest first, and whether one is there."""
