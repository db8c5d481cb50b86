"""What memory and disk there is, and how much of it the process that draws has had."""

import logging
import shutil
import sys
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

GROUPS = (
    ("/sys/fs/cgroup/memory.max", "memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "memory.usage_in_bytes"),
)
"""Where a container's limit stands, and the file beside it that says how much of it is in use."""


class PeakMemory:
    """The most resident memory a process has had since this was made. Costs nothing meanwhile.

    Linux forgets its high-water mark on request; Windows does not, so a later peak may be an
    earlier job's; elsewhere only what there is in the end is known.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        if pid and sys.platform == "linux":
            try:
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
            except OSError as error:
                log.debug("The peak of memory may be an earlier one: %s", error)

    def read(self) -> int:
        """Bytes; 0 if the process is gone."""
        if not self._pid:
            return 0
        try:
            if sys.platform == "linux":
                return _high_water(Path(f"/proc/{self._pid}/status").read_text())
            memory = psutil.Process(self._pid).memory_info()
            return int(getattr(memory, "peak_wset", memory.rss))
        except (OSError, psutil.Error):
            return 0


def _high_water(status: str) -> int:
    """The mark in a text like that of /proc/self/status."""
    line = next((one for one in status.splitlines() if one.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def resident(pid: int) -> int:
    """Bytes a process has in memory now; 0 if there is none."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    except psutil.Error:
        return 0


def free_memory() -> int:
    """Bytes that can still be had, also within a container."""
    free = int(psutil.virtual_memory().available)
    for limit, used in GROUPS:
        try:
            allowed = int(Path(limit).read_text())
            taken = int(Path(limit).with_name(used).read_text())
            cached = _cached(Path(limit).with_name("memory.stat").read_text())
        except (OSError, ValueError):  # no such group, or "max"
            continue
        free = min(free, allowed - taken + cached)
    return max(0, free)


def _cached(statistics: str) -> int:
    """Bytes of files that a group would give up when it needs room."""
    lines = (line.split() for line in statistics.splitlines())
    return sum(int(value) for name, value in lines if name == "inactive_file")


def free_disk(folder: Path) -> int:
    """Bytes free where `folder` is or will be."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    return shutil.disk_usage(there).free
