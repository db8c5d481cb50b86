"""Other programs at the same work, if they are installed: driven from outside, never imported.

Web UIs are asked over their public HTTP APIs, at an address that is given; stable-diffusion.cpp is
a command. They must have the same checkpoint under the same file name.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

PROMPT, NEGATIVE, CFG = "a cat on a mat", "blurry", 7.0
LOOK_EVERY_S = 0.02
SHORT_S = 10.0


class Absent(Exception):
    """The other program cannot be measured; the message says why, and what to do."""


class Other(Protocol):
    """Another program, ready to draw."""

    def draw(self, side: int, steps: int, seed: int) -> float:
        """Seconds of one picture: Euler's method, guided. Raises Absent."""
        ...


@dataclass(frozen=True)
class Kind:
    """How to reach a program. `make` gets what the flag says, and the checkpoint. Raises Absent."""

    title: str
    flag: str
    needs: str
    make: Callable[[str, Path], Other]


@dataclass(frozen=True)
class Door:
    """A web UI's API, asked anew each time: nothing stays open."""

    title: str
    address: str

    def ask(self, method: str, route: str, timeout: float | None = SHORT_S, **more: Any) -> Any:
        """The JSON of an answer. Raises Absent if there is none or it is an error."""
        return self.answer(method, route, timeout, **more).json()

    def answer(self, method: str, route: str, timeout: float | None, **more: Any) -> httpx.Response:
        """An answer that is no error. Raises Absent."""
        try:
            answer = httpx.request(method, self.address + route, timeout=timeout, **more)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Absent(f"{self.title} does not answer at {self.address}: {error}.") from error
        if not answer.is_success:
            said = f"{answer.status_code}: {answer.text[:200]}"
            raise Absent(f"{self.title} answers {route} with {said}")
        return answer


class A1111:
    """AUTOMATIC1111's webui, or any program with its `/sdapi/v1` (started with `--api`)."""

    title = "A1111"

    def __init__(self, address: str, checkpoint: Path) -> None:
        self.door = Door(self.title, address.rstrip("/"))
        models = self.door.ask("GET", "/sdapi/v1/sd-models")
        titles = [one["title"] for one in models if Path(one["filename"]).name == checkpoint.name]
        if not titles:
            raise Absent(
                f"{self.title} has no checkpoint {checkpoint.name}; copy or link it there."
            )
        self.checkpoint = titles[0]

    def draw(self, side: int, steps: int, seed: int) -> float:
        """From the request to the last byte of the answer."""
        body = {
            "prompt": PROMPT, "negative_prompt": NEGATIVE, "seed": seed, "steps": steps,
            "width": side, "height": side, "cfg_scale": CFG, "sampler_name": "Euler",
            "override_settings": {"sd_model_checkpoint": self.checkpoint},
            "override_settings_restore_afterwards": False,
        }  # fmt: skip
        began = time.perf_counter()
        answer = self.door.ask("POST", "/sdapi/v1/txt2img", None, json=body)
        seconds = time.perf_counter() - began
        if not answer["images"]:
            raise Absent(f"{self.title} sent no picture back.")
        return seconds


class ComfyUI:
    """ComfyUI: a graph of its stock nodes goes to `/prompt`, its end is seen in `/history`."""

    title = "ComfyUI"

    def __init__(self, address: str, checkpoint: Path) -> None:
        self.door = Door(self.title, address.rstrip("/"))
        loader = "CheckpointLoaderSimple"
        about = self.door.ask("GET", f"/object_info/{loader}")
        names = about[loader]["input"]["required"]["ckpt_name"][0]
        if checkpoint.name not in names:
            raise Absent(
                f"{self.title} has no checkpoint {checkpoint.name}; copy or link it there."
            )
        self.checkpoint = checkpoint.name

    def draw(self, side: int, steps: int, seed: int) -> float:
        """From the order until the picture's bytes are here."""
        began = time.perf_counter()
        graph = {"prompt": self.graph(side, steps, seed)}
        order = self.door.ask("POST", "/prompt", json=graph)["prompt_id"]
        while True:
            story = self.door.ask("GET", f"/history/{order}").get(order)
            if story is not None:
                break
            time.sleep(LOOK_EVERY_S)
        images = [one for node in story["outputs"].values() for one in node.get("images", ())]
        if not images:
            raise Absent(f"{self.title} made no picture: {str(story.get('status'))[:200]}")
        names = {key: images[0][key] for key in ("filename", "subfolder", "type")}
        self.door.answer("GET", "/view", SHORT_S, params=names)
        return time.perf_counter() - began

    def graph(self, side: int, steps: int, seed: int) -> dict[str, Any]:
        """Load, read both texts, sample, decode, save."""
        sampling = {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0],
            "seed": seed, "steps": steps, "cfg": CFG, "denoise": 1.0,
            "sampler_name": "euler", "scheduler": "normal",
        }  # fmt: skip
        nodes = {
            "1": ("CheckpointLoaderSimple", {"ckpt_name": self.checkpoint}),
            "2": ("CLIPTextEncode", {"text": PROMPT, "clip": ["1", 1]}),
            "3": ("CLIPTextEncode", {"text": NEGATIVE, "clip": ["1", 1]}),
            "4": ("EmptyLatentImage", {"width": side, "height": side, "batch_size": 1}),
            "5": ("KSampler", sampling),
            "6": ("VAEDecode", {"samples": ["5", 0], "vae": ["1", 2]}),
            "7": ("SaveImage", {"images": ["6", 0], "filename_prefix": "benchmark"}),
        }
        return {key: {"class_type": name, "inputs": them} for key, (name, them) in nodes.items()}


class StableDiffusionCpp:
    """stable-diffusion.cpp's command, which loads the model anew for every picture."""

    title = "stable-diffusion.cpp"
    DONE = re.compile(r"(?:txt2img|generate_image) completed in ([\d.]+)s")

    def __init__(self, command: str, checkpoint: Path) -> None:
        found = shutil.which(command)
        if found is None:
            raise Absent(f"There is no command {command!r}; build {self.title} and give its path.")
        self.command, self.checkpoint = found, checkpoint

    def draw(self, side: int, steps: int, seed: int) -> float:
        """What the command says it took without loading."""
        with tempfile.TemporaryDirectory() as folder:
            options = {
                "-m": self.checkpoint, "-p": PROMPT, "-n": NEGATIVE, "-s": seed, "-W": side,
                "-H": side, "--steps": steps, "--cfg-scale": CFG, "--sampling-method": "euler",
                "-o": Path(folder) / "picture.png",
            }  # fmt: skip
            words = [self.command, *(str(word) for pair in options.items() for word in pair)]
            told = subprocess.run(words, capture_output=True, text=True)
        said = self.DONE.search(told.stdout + told.stderr)
        if told.returncode or said is None:
            last = (told.stderr or told.stdout).strip()[-200:]
            raise Absent(f"{self.title} ended with {told.returncode}: {last}")
        return float(said.group(1))


OTHERS: dict[str, Kind] = {
    "a1111": Kind("A1111", "--a1111", "an address such as http://127.0.0.1:7861", A1111),
    "comfyui": Kind("ComfyUI", "--comfyui", "an address such as http://127.0.0.1:8188", ComfyUI),
    "sdcpp": Kind("stable-diffusion.cpp", "--sdcpp", "the path of its command", StableDiffusionCpp),
}
