"""What one must know of a machine to read its figures; nothing about its owner."""

import platform
from pathlib import Path

import psutil


def about_machine(device: str) -> dict[str, str]:
    """Processor, memory, system, versions, and the device that draws."""
    import torch

    facts = {
        "processor": f"{processor()}, {psutil.cpu_count(logical=True)} logical cores",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "device": device,
    }
    if device != "cpu":
        facts["device"] = torch.cuda.get_device_name(device)
    return facts


def processor() -> str:
    """The name the processor gives itself."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
