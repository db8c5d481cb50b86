"""How much memory of a GPU is in use."""

from typing import Any


def forget_peak(device: Any) -> None:
    """Let the peaks that `memory_of` tells be those of what begins now."""
    if device is not None and device.device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device.device)


def memory_of(device: Any) -> dict[str, Any]:
    """Bytes by A1111's names; empty where there is no GPU, or no `modules.model.device.Device`."""
    if device is None or device.device.type != "cuda":
        return {}
    import torch

    free, total = torch.cuda.mem_get_info(device.device)
    statistics = torch.cuda.memory_stats(device.device)

    def peak_and_current(name: str) -> dict[str, int]:
        key = f"{name}_bytes.all"
        return {part: statistics.get(f"{key}.{part}", 0) for part in ("current", "peak")}

    events = {
        "retries": statistics.get("num_alloc_retries", 0),
        "oom": statistics.get("num_ooms", 0),
    }
    kinds = {"active": "active", "allocated": "allocated", "reserved": "reserved"}
    parts = {name: peak_and_current(key) for name, key in kinds.items()}
    parts["inactive"] = peak_and_current("inactive_split")
    system = {"free": free, "used": total - free, "total": total}
    return {"cuda": {"system": system, **parts, "events": events}}
