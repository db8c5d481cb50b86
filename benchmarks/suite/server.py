"""The program as people start it, and pictures asked of it over HTTP."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.load import peak_bytes

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Answer:
    """A picture that came back: seconds from the request to the last byte, and its recipe."""

    seconds: float
    infotext: str

    @property
    def precision(self) -> str:
        """What the network computed in, as the recipe says."""
        return "bfloat16" if "Precision: bfloat16" in self.infotext else "float32"


class Server:
    """`webui.py` over a data folder, with the checkpoints of a folder."""

    def __init__(
        self, data: Path, checkpoints: Path, device: str = "cpu", flags: Sequence[str] = ()
    ) -> None:
        self.command = [sys.executable, "webui.py", "--data-dir", str(data), "--device", device]
        self.command += ["--ckpt-dir", str(checkpoints), *flags]

    def __enter__(self) -> "Server":
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Easel is at "):
                self.client = httpx.Client(base_url=line.split()[3], timeout=None)
            if line.startswith("Ready"):
                self.ready_s = time.perf_counter() - self.began
                return self
        raise RuntimeError(f"The server ended with code {self.process.wait()}: {self.command}")

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait()

    def draw(self, side: int, steps: int, **more: Any) -> Answer:
        """One picture with Euler's method, guided, at the settings of a fresh installation."""
        wish = {"prompt": "a cat on a mat", "seed": 1, "steps": steps, "sampler_name": "Euler"}
        wish |= {"width": side, "height": side, "cfg_scale": 7, **more}
        began = time.perf_counter()
        answer = self.client.post("/sdapi/v1/txt2img", json=wish).raise_for_status()
        seconds = time.perf_counter() - began
        return Answer(seconds, json.loads(answer.json()["info"])["infotexts"][0])

    def peak_bytes(self) -> float:
        """The most memory of the server and its child processes."""
        server = psutil.Process(self.process.pid)
        return sum(peak_bytes(one.pid) for one in (server, *server.children(recursive=True)))
