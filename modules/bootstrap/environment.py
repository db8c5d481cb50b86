"""Find or make the Python environment (`.venv`) that the program runs in.

`ensure_environment` is called first thing by `webui.py` and `python -m tests`. It returns only
inside a complete environment; from anywhere else it makes or completes `.venv` and starts the same
command again in there. A stamp beside the packages remembers which requirement files they came
from, so that a later start runs no pip at all.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modules.bootstrap.packages import install_packages
from modules.bootstrap.torch_builds import TorchBuild, choose_build
from modules.errors import WebUIError

RUNTIME = ("requirements.txt", "requirements-nodeps.txt")
"""What the program needs, in the order it is installed."""
DEVELOPMENT = (*RUNTIME, "requirements-dev.txt")
"""What the tests need."""
STAMP = "easel-stamp.json"
RESTARTED = "EASEL_VENV"
"""Set in the restarted command, so that an environment that does not take cannot loop."""


class SetupError(WebUIError):
    """The environment could not be made; the hint says what to do."""


def ensure_environment(root: Path, files: Sequence[str]) -> None:
    """Return if this process runs in an environment that has `files`; otherwise start again there.

    With `VENV_DIR=-` the packages of the Python in use are taken as they are. Raises SetupError.
    """
    place = os.environ.get("VENV_DIR", "").strip()
    if place == "-":
        return
    venv = Path(place).expanduser().resolve() if place else root / ".venv"
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if not inside and os.environ.get(RESTARTED) == str(venv):
        raise SetupError(
            f"The Python in {venv} does not start as an environment of its own.",
            "Delete that folder and start again.",
        )
    if not is_complete(venv, root, files):
        with _lock(venv):
            if not is_complete(venv, root, files):
                _complete(venv, root, files)
        _start_again(venv)
    if not inside:
        _start_again(venv)


def python_of(venv: Path) -> Path:
    """Return where the interpreter of an environment is."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def is_complete(venv: Path, root: Path, files: Sequence[str]) -> bool:
    """Answer whether the stamp says that exactly the present `files` are installed in `venv`."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = _stamp_of(root, files)
    return python_of(venv).exists() and all(stamp.get(key) == wanted[key] for key in wanted)


def write_stamp(venv: Path, root: Path, files: Sequence[str]) -> None:
    """Record that the packages of `files` are installed."""
    text = json.dumps(_stamp_of(root, files), indent=1)
    unfinished = venv / f"{STAMP}.{os.getpid()}"
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, venv / STAMP)


def _stamp_of(root: Path, files: Sequence[str]) -> dict[str, str]:
    stamp = {"python": ".".join(map(str, sys.version_info[:2]))}
    pins = (root / "constraints.txt").read_bytes()
    for name in files:
        stamp[name] = hashlib.sha256((root / name).read_bytes() + pins).hexdigest()
    return stamp


def _complete(venv: Path, root: Path, files: Sequence[str]) -> None:
    """Make `venv` if it is missing or broken, then install whatever it lacks."""
    build = choose_build(os.environ)
    say(f"Setting up in {venv}. This happens once and takes a few minutes.")
    _require_space(venv, build)
    try:
        if not _works(venv):
            _make(venv)
        for name in files:
            say(f"Installing {name}")
            install_packages(python_of(venv), root, name, build)
        write_stamp(venv, root, files)
    except OSError as error:
        raise explain(error, venv) from error
    say("Everything is installed.")


def _works(venv: Path) -> bool:
    """Answer whether `venv` has an interpreter of this version that starts and has pip."""
    script = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python_of(venv), "-c", script], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == ".".join(map(str, sys.version_info[:2]))


def _make(venv: Path) -> None:
    if venv.exists():
        _remove_broken(venv)
    say(f"Making {venv}")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError("This Python cannot make environments.", _venv_hint())
    answer = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True)
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).decode(errors="replace").strip()
        shutil.rmtree(venv, ignore_errors=True)
        if "ensurepip" in said:
            raise SetupError("This Python cannot make environments.", _venv_hint())
        raise SetupError(f"Making {venv} failed: {said[-500:]}", "Check the folder and try again.")


def _remove_broken(venv: Path) -> None:
    """Delete a half-made environment; a folder that was never one is left alone."""
    if Path(sys.prefix).resolve() == venv.resolve():
        raise SetupError(f"{venv} is incomplete and in use.", "Start with the system's Python.")
    if any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        looks_made = {"bin", "lib", "include", "Scripts", "Lib", "Include"}
        if not {item.name for item in venv.iterdir()} <= looks_made:
            raise SetupError(
                f"{venv} exists and is not a Python environment.", "Move it out of the way."
            )
    say(f"{venv} is half made or was made by another Python; making it anew")
    shutil.rmtree(venv)


def _venv_hint() -> str:
    version = ".".join(map(str, sys.version_info[:2]))
    return (
        f"On Debian and Ubuntu install the missing part with: sudo apt install python{version}-venv"
        " . Elsewhere install Python from python.org."
    )


def _require_space(venv: Path, build: TorchBuild) -> None:
    free = shutil.disk_usage(venv if venv.exists() else venv.parent).free / 1e9
    if free < build.gigabytes and not _works(venv):
        raise SetupError(
            f"The disk of {venv} has {free:.1f} GB free; the packages need {build.gigabytes} GB.",
            "Make room, or set VENV_DIR to a folder on another disk.",
        )


def explain(error: OSError, place: Path) -> SetupError:
    """Turn a failure of the file system into words and advice."""
    if isinstance(error, PermissionError):
        return SetupError(
            f"No permission to write {error.filename or place}.",
            "Put the program into a folder of your own, or correct the folder's owner.",
        )
    return SetupError(f"{error.strerror}: {error.filename or place}.", "Is the disk full?")


@contextmanager
def _lock(venv: Path) -> Iterator[None]:
    """Let one process install at a time; the lock goes with the process that holds it."""
    path = venv.with_name(venv.name + ".lock")
    try:
        file = path.open("a+b")
    except OSError as error:
        raise explain(error, path) from error
    with file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_again(venv: Path) -> None:
    """Run this very command with the environment's interpreter; does not return."""
    os.environ[RESTARTED] = str(venv)
    command = [str(python_of(venv)), *sys.orig_argv[1:]]
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":  # exec on Windows detaches from the console
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def say(sentence: str) -> None:
    """Tell how the set-up goes on."""
    print(f"[set-up] {sentence}", flush=True)
