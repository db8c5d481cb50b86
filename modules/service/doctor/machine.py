"""Python, packages, memory and processors."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from modules.service.doctor.finding import BAD, DOUBTFUL, GOOD, Finding

OLDEST_PYTHON = (3, 11)
LEAST_MEMORY_GB = 4.0
"""Enough for the model that comes with the program; an SD 1.5 checkpoint wants about twice it."""
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;]+)")
GIGABYTE = 1024**3
PATIENCE_S = 10.0


def look_at_machine(root: Path) -> Iterator[Finding]:
    """Look at what the program runs on; `root` is where its requirement files are."""
    yield python()
    yield packages(root)
    yield memory()
    yield from graphics()


def python() -> Finding:
    """Say which Python this is."""
    seen = f"{platform.python_version()} ({platform.machine()}) on {platform.platform()}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("Python", BAD, seen, "Install Python 3.11 or newer.")
    if sys.maxsize < 2**32:
        return Finding("Python", BAD, f"{seen}, 32 bits", "PyTorch needs a 64-bit Python.")
    return Finding("Python", GOOD, seen)


def packages(root: Path) -> Finding:
    """Compare what is installed with what the requirement files pin."""
    wrong, count = [], 0
    for name, wanted in pins(root):
        count += 1
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        if found.partition("+")[0] != wanted:
            wrong.append(f"{name} {found} instead of {wanted}")
    if wrong:
        advice = "Delete the folder .venv and start the program: it installs them again."
        return Finding("Packages", BAD, "; ".join(wrong), advice)
    return Finding("Packages", GOOD, f"all {count} as they should be")


def pins(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and version of every pinned package."""
    for file in ("requirements.txt", "requirements-nodeps.txt"):
        for line in (root / file).read_text(encoding="utf-8").splitlines():
            found = PIN.match(line.strip())
            if found:
                yield found[1], found[2]


def memory() -> Finding:
    """Say how much memory is free."""
    found = psutil.virtual_memory()
    total, free = found.total / GIGABYTE, found.available / GIGABYTE
    seen = f"{free:.1f} of {total:.1f} GB free, {psutil.cpu_count()} processor threads"
    if free < LEAST_MEMORY_GB / 2:
        return Finding("Memory", DOUBTFUL, seen, "Close other programs before you draw.")
    if total < LEAST_MEMORY_GB:
        return Finding("Memory", DOUBTFUL, seen, "Only small models will fit.")
    return Finding("Memory", GOOD, seen)


def graphics() -> Iterator[Finding]:
    """Ask NVIDIA's driver, if there is one, what it sees."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Finding("Graphics card", GOOD, "no NVIDIA driver; drawing is done without one")
        return
    query = "--query-gpu=name,driver_version,memory.total,memory.free"
    try:
        answer = subprocess.run(
            [tool, query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        advice = "Install the driver again, or restart the computer."
        yield Finding("Graphics card", BAD, f"its driver does not answer: {error}", advice)
        return
    for line in answer.stdout.strip().splitlines():
        yield Finding("Graphics card", GOOD, line.strip())
