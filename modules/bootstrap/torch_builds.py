"""Which build of torch suits this machine: one table, and the question which row applies."""

import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TorchBuild:
    """One row: on such a machine, take torch from this package index."""

    name: str
    system: str
    """As `sys.platform` says it."""
    nvidia: bool
    """Whether an NVIDIA driver is installed."""
    index: str
    """Extra package index for torch; empty where PyPI's own build is the right one."""
    gigabytes: float
    """Disk space of a complete installation, roughly."""


BUILDS = (
    TorchBuild("CPU", "linux", False, "https://download.pytorch.org/whl/cpu", 2.5),
    TorchBuild("CUDA", "linux", True, "", 8.0),
    TorchBuild("CPU", "win32", False, "", 2.5),
    TorchBuild("CUDA", "win32", True, "https://download.pytorch.org/whl/cu130", 8.0),
    TorchBuild("Metal", "darwin", False, "", 2.5),
)
"""PyPI carries the CUDA build for Linux and the CPU build for Windows; hence the two indexes."""

ANY_OTHER = TorchBuild("CPU", "", False, "", 2.5)


def has_nvidia() -> bool:
    """Answer whether an NVIDIA driver is there, by its command line tool."""
    return shutil.which("nvidia-smi") is not None


def build_for(system: str, nvidia: bool) -> TorchBuild:
    """Return the table's row for a machine; systems without a row get PyPI's build."""
    rows = (row for row in BUILDS if row.system == system and row.nvidia == nvidia)
    return next(rows, ANY_OTHER)


def choose_build(environ: Mapping[str, str]) -> TorchBuild:
    """Return the build for this machine; `TORCH_INDEX_URL` in the environment wins."""
    build = build_for(sys.platform, has_nvidia() and platform.system() != "Darwin")
    wanted = environ.get("TORCH_INDEX_URL", "").strip()
    if wanted:
        return TorchBuild("your own", build.system, build.nvidia, wanted, build.gigabytes)
    return build
