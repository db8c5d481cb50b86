"""Run pip so that people see it work, and say what to do when it does not."""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from modules.bootstrap.torch_builds import TorchBuild
from modules.errors import WebUIError

CAUSES = (
    (
        r"No space left on device|Errno 28|not enough space on the disk",
        "The disk is full.",
        "Make room (about {gigabytes} GB), or set VENV_DIR and TMPDIR to folders on another disk.",
    ),
    (
        r"Permission denied|Errno 13|WinError 5",
        "A file could not be written.",
        "Put the program into a folder of your own; close other programs that use it.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index's certificate was not accepted.",
        "Behind a proxy that inspects traffic, set PIP_CERT to its certificate file.",
    ),
    (
        r"name resolution|getaddrinfo|Network is unreachable|NewConnectionError|timed out"
        r"|Connection refused|ProxyError|Could not fetch URL",
        "The package index cannot be reached.",
        "Check the network and try again: what is installed already is kept. With a mirror or a"
        " folder of wheels, set PIP_INDEX_URL, or PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER.",
    ),
    (
        r"No matching distribution found",
        "A package has no version for this Python ({python}) on this system.",
        "64-bit Python 3.11, 3.12 and 3.13 are known to work. Offline, check that"
        " PIP_FIND_LINKS holds every package.",
    ),
)
"""What pip's complaints mean: pattern, what happened, what to do. The first that fits wins."""

SOURCES = r"\.(index-url|extra-index-url|find-links|no-index)="

FIND_BROKEN = """
import importlib.metadata, json
broken = []
for found in importlib.metadata.distributions():
    files = found.files
    if files is None or not all(f.locate().exists() for f in files if f.suffix != ".pyc"):
        broken.append([found.metadata["Name"], found.version])
print(json.dumps(broken))
"""
"""Run inside the environment: an installation that was cut short misses files, or their list."""


class InstallError(WebUIError):
    """pip could not install the packages."""


def install_packages(python: Path, root: Path, name: str, build: TorchBuild) -> None:
    """Install the requirement file `name` of `root` with the environment's `python`.

    Files whose name says "nodeps" are installed without dependencies. Packages that an interrupted
    installation left incomplete are put right first. Raises InstallError.
    """
    _repair(python, root, build)
    options = ["--no-deps"] if "nodeps" in name else ["-c", "constraints.txt"]
    torch = _torch_requirement(root / name)
    if torch and build.index and not _has_own_sources(python):
        print(f"[set-up] torch for {build.name} from {build.index}", flush=True)
        _pip(python, root, build, [torch, *options, "--extra-index-url", build.index])
    _pip(python, root, build, ["-r", name, *options])


def _torch_requirement(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line.strip() for line in lines if line.startswith("torch==")), "")


def _has_own_sources(python: Path) -> bool:
    """Answer whether pip was told, by its settings or environment, where packages come from."""
    if os.environ.get("TORCH_INDEX_URL", "").strip():
        return False
    answer = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, env=_environ()
    )
    return re.search(SOURCES, answer.stdout) is not None


def _repair(python: Path, root: Path, build: TorchBuild) -> None:
    answer = subprocess.run([python, "-c", FIND_BROKEN], capture_output=True, text=True)
    broken = json.loads(answer.stdout or "[]")
    for name, version in broken:
        print(f"[set-up] {name} is incomplete; installing it again", flush=True)
        _pip(python, root, build, ["--force-reinstall", "--no-deps", f"{name}=={version}"], True)


def _environ() -> dict[str, str]:
    return {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONUTF8": "1"}


def _pip(
    python: Path, root: Path, build: TorchBuild, arguments: Sequence[str], ignore: bool = False
) -> None:
    """Run `pip install`; its progress goes to the terminal, its complaints also to `diagnose`."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if ignore:
        command.append("--ignore-installed")
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=root,
        env=_environ(),
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stderr is not None
    said: deque[str] = deque(maxlen=200)
    for line in process.stderr:
        sys.stderr.write(line)
        said.append(line)
    if process.wait() != 0:
        raise diagnose(said, build)


def diagnose(said: Iterable[str], build: TorchBuild) -> InstallError:
    """Turn what pip wrote to stderr into one sentence and one piece of advice."""
    text = "".join(said)
    version = ".".join(map(str, sys.version_info[:2]))
    for pattern, message, hint in CAUSES:
        if re.search(pattern, text):
            return InstallError(
                "Installing the packages failed. "
                + message.format(python=version, gigabytes=build.gigabytes),
                hint.format(gigabytes=build.gigabytes),
            )
    last = text.strip().splitlines()[-1:] or ["pip gave no reason"]
    return InstallError(f"Installing the packages failed: {last[0]}", "Start again to retry.")
