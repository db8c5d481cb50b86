"""From a fresh clone to the first picture, on a machine without a network; prints the times.

    python benchmarks/fresh_clone.py [--wheels FOLDER] [--tests]

Collects every package into FOLDER (the only step that uses the network), clones this repository,
and goes on inside a network namespace that has nothing but its own loopback: first start with the
installation, first picture, second start, first picture again, and with `--tests` also
`python -m tests`. Linux only; needs git, and root or user namespaces for `unshare`.
"""

import argparse
import ctypes
import fcntl
import hashlib
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 7860
HOME = f"http://127.0.0.1:{PORT}"
REQUIREMENTS = (
    ["-r", "requirements-dev.txt", "-c", "constraints.txt"],  # names requirements.txt too
    ["-r", "requirements-nodeps.txt", "--no-deps"],
)
PROMPT = {"prompt": "a red ball", "seed": 1, "steps": 20, "width": 128, "height": 128}
OURS = ("PIP_", "EASEL_", "VENV_DIR", "VIRTUAL_ENV", "COMMANDLINE_ARGS", "PYTHONDONTWRITE")
"""Beginnings of environment variables that a newcomer's machine would not have."""
LONG_S = 1800


def main() -> int:
    """Run both halves: outside with the network, inside without."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheels", type=Path, default=ROOT / "tmp/wheels", help="package folder")
    parser.add_argument("--tests", action="store_true", help="also run python -m tests in there")
    parser.add_argument("--ckpt-dir", default="", help="checkpoints, instead of the clone's own")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        return measure(chosen)
    wheels = collect(chosen.wheels.resolve())
    with tempfile.TemporaryDirectory(prefix="easel-fresh-") as folder:
        clone = Path(folder) / "easel"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
        again = [sys.executable, __file__, "--wheels", str(wheels), "--inside", str(clone)]
        again += ["--tests"] * chosen.tests + ["--ckpt-dir", chosen.ckpt_dir] * bool(
            chosen.ckpt_dir
        )
        mode = ["-n"] if os.geteuid() == 0 else ["-r", "-n"]
        return subprocess.call(["unshare", *mode, *again])


def collect(wheels: Path) -> Path:
    """Put every package into `wheels`, unless they are all there from last time."""
    files = sorted([*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"])
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    done = wheels / "complete.txt"
    if done.exists() and done.read_text() == wanted:
        return wheels
    wheels.mkdir(parents=True, exist_ok=True)
    for words in REQUIREMENTS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "-d", str(wheels), *words]
        subprocess.run(command, cwd=ROOT, check=True)
    done.write_text(wanted)
    return wheels


def measure(chosen: argparse.Namespace) -> int:
    """Everything that happens without a network; returns the exit code."""
    raise_loopback()
    check_isolation()
    extra = ["--ckpt-dir", str(Path(chosen.ckpt_dir).resolve())] if chosen.ckpt_dir else []
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environ = clean | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(chosen.wheels)}
    figures = start(chosen.inside, environ, extra, "first")
    figures |= start(chosen.inside, environ, extra, "second")
    if chosen.tests:
        began = time.perf_counter()
        code = subprocess.call([sys.executable, "-m", "tests"], cwd=chosen.inside, env=environ)
        figures["tests: exit code"], figures["tests: seconds"] = code, since(began)
    for name, value in figures.items():
        print(f"{name:<36} {value}")
    print(json.dumps(figures))
    return int(figures.get("tests: exit code", 0))


def raise_loopback() -> None:
    """Do `ip link set lo up`, for machines without `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        up = 0x1 | 0x8 | 0x40  # IFF_UP, IFF_LOOPBACK, IFF_RUNNING
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", up))  # SIOCSIFFLAGS


def check_isolation() -> None:
    """Make sure that nothing outside can be reached."""
    try:
        socket.create_connection(("1.1.1.1", 443), timeout=5).close()
    except OSError:
        return
    raise SystemExit("This was to run without a network, but there is one.")


class Server:
    """`python webui.py` in the clone, with the lines it prints and when they came."""

    def __init__(self, clone: Path, environ: dict[str, str], extra: Sequence[str]) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "webui.py", "--port", str(PORT), *extra],
            cwd=clone,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=end_with_parent,
        )
        self.lines: list[str] = []
        self.seen: queue.Queue[tuple[float, str]] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Pass the server's output on."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print("   |", line.rstrip(), flush=True)
            self.lines.append(line)
            self.seen.put((since(self.began), line))

    def wait_for(self, words: str) -> float:
        """Return the seconds after which a line with `words` came."""
        deadline = time.perf_counter() + LONG_S
        while time.perf_counter() < deadline:
            try:
                moment, line = self.seen.get(timeout=1)
            except queue.Empty:
                if self.process.poll() is not None:
                    break
                continue
            if words in line:
                return moment
        raise SystemExit(f"{words!r} never came.")

    def wait_for_page(self, status: int) -> float:
        """Return the seconds after which "/" answered with `status`."""
        while self.process.poll() is None and since(self.began) < LONG_S:
            if answer("/") in (status, 200):
                return since(self.began)
            time.sleep(0.05)
        raise SystemExit("The page never came.")

    def stop(self) -> float:
        """Press Ctrl+C; return the seconds it took to end."""
        began = time.perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return since(began)


def end_with_parent() -> None:
    """Let the server end when the measurement is killed (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def start(
    clone: Path, environ: dict[str, str], extra: Sequence[str], which: str
) -> dict[str, float | int | bool]:
    """Start, draw one picture, stop; return the figures."""
    server = Server(clone, environ, extra)
    figures: dict[str, float | int | bool] = {}
    if which == "first":
        figures["install"] = server.wait_for("Everything is installed")
    address = server.wait_for("Easel is at")
    figures[f"{which} start to splash page"] = server.wait_for_page(503)
    figures[f"{which} start to page"] = server.wait_for_page(200)
    figures[f"{which} page after the address"] = round(
        figures[f"{which} start to page"] - address, 2
    )
    body = json.dumps(PROMPT).encode()
    code = answer("/sdapi/v1/txt2img", body)
    figures[f"{which} start to first picture"] = since(server.began)
    if code != 200:
        raise SystemExit(f"Drawing answered {code}.")
    figures[f"{which} end after Ctrl+C"] = server.stop()
    if which == "second":
        figures["second start ran pip"] = any("[set-up]" in line for line in server.lines)
    return figures


def answer(path: str, body: bytes | None = None) -> int:
    """Return the status of a request; 0 if nobody answers."""
    headers = {"Content-Type": "application/json"} if body else {"Accept": "text/html"}
    request = urllib.request.Request(HOME + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=LONG_S) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def since(moment: float) -> float:
    """Seconds since `moment`, to hundredths."""
    return round(time.perf_counter() - moment, 2)


if __name__ == "__main__":
    sys.exit(main())
