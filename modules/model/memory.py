"""How much memory there is, and which policy fits into it."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import torch

from modules.model.quickening import LARGE
from modules.model.residency import POLICIES, Policy

WORKING_BYTES = 3 * 2**29
"""What a computation needs besides the weights, for pictures of common sizes."""
SHORTAGE = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says, in a RuntimeError of no special kind, when an allocation fails."""


@dataclass(frozen=True)
class Sizes:
    """What a model will need: numbers in each of its networks."""

    family: str
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class MemoryPlan:
    """How a model may use memory. `hint` is a policy's name, "auto", or "one for sdxl"."""

    device: torch.device
    dtype: torch.dtype
    hint: str = "auto"
    floor: str = "all"
    """The most generous policy allowed, after others have failed."""
    half_vae: bool = True
    """Whether the autoencoder may compute in less than 32 bits."""
    free: int | None = None
    """Bytes to count with; None measures."""
    large_dtype: torch.dtype | None = None
    """What large networks compute in; None: the same as others."""

    def policy(self, sizes: Sizes) -> Policy:
        """The fastest policy that fits and that hint and floor allow."""
        order = list(POLICIES)
        hint = self.hint
        if hint == "one for sdxl":
            hint = "one" if sizes.family.startswith("sdxl") else "auto"
        name = self._fitting(sizes) if hint == "auto" else hint
        name = max(name, self.floor, key=order.index)
        return POLICIES[name](self.device, self.dtype_for(sizes))

    def dtype_for(self, sizes: Sizes) -> torch.dtype:
        """What a model of these sizes computes in."""
        large = sizes.numbers.get("unet", 0) >= LARGE
        return self.large_dtype if large and self.large_dtype is not None else self.dtype

    def _fitting(self, sizes: Sizes) -> str:
        free = free_bytes(self.device) if self.free is None else self.free
        room = (free - WORKING_BYTES) / self.dtype_for(sizes).itemsize
        counts = list(sizes.numbers.values())
        if sum(counts) <= room:
            return "all"
        return "one" if max(counts, default=0) <= room else "layers"


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be used on `device`; on the CPU without swapping."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        ours = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + ours
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return int(psutil.virtual_memory().available)


def ran_out(error: BaseException) -> bool:
    """Whether `error` is one of the many ways in which memory runs out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in SHORTAGE)


def give_back(device: torch.device) -> None:
    """Return what torch keeps for later to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
