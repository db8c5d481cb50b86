"""This program beside plain diffusers: the same picture size and steps, taken in turns.

    python -m benchmarks versus [--side 512] [--steps 4] [--repeats 3] [--mode MODE] [--json FILE]

A checkpoint of Stable Diffusion 1.5's shape with random numbers is made on the spot. A server of
ours draws over HTTP (`/sdapi/v1/txt2img`, default settings: saved, journalled, previewed), and a
process with diffusers draws in float32 as it comes. They take turns, so that other work on the
machine meets both, and every figure is a median. A third process makes nothing but calls of our
network, and multiplies matrices to find out what the processor can do.

  ratio      diffusers' seconds by ours, pair by pair: the median, the least and the most
  overhead   what a step takes in the server beside one call of the network alone; a step is the
             difference between pictures of STEPS and twice as many steps, by STEPS
  of peak    floating point operations of a call by its seconds, beside those of a large product
  peak GB    the most memory, of the server and its drawing process together

`--mode` is what the server draws in: "default" (chosen by itself) or "float32" (`--no-half`).
The aims: 2.4 times as fast by default, a step within 2% of its call, 55% of the peak, 3.5 GB.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.load import peak_bytes, shapes_of

ROOT = Path(__file__).resolve().parent.parent
NAME = "random-sd15"
TEXT = (77, 768)
MODES = {"default": (), "float32": ("--no-half",)}
PEAK_SIDE = 2048


def main() -> None:
    """Start everything, take turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mode", choices=MODES, default="default")
    parser.add_argument("--folder", type=Path, help="where the checkpoint goes; it is deleted")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        CHILDREN[chosen.child[0]](Path(chosen.child[1]), chosen)
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        (Path(folder) / "models").mkdir()
        checkpoint = write(Path(folder) / "models" / f"{NAME}.safetensors")
        found = compared(checkpoint, chosen)
    print(*(f"{key:34} {value}" for key, value in found.items()), sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def compared(checkpoint: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Draw in turns and say what was seen."""
    with ExitStack() as stack:
        ours = stack.enter_context(OurServer(checkpoint, chosen))
        theirs = stack.enter_context(Child("diffusers", checkpoint, chosen))
        network = stack.enter_context(Child("network", checkpoint, chosen))
        turns: dict[str, list[float]] = {"ours": [], "longer": [], "theirs": [], "call": []}
        for number in range(chosen.repeats + 1):  # the first is to get warm
            turn = {
                "ours": ours.draw(chosen.steps),
                "theirs": theirs.ask("draw")["seconds"],
                "longer": ours.draw(2 * chosen.steps),
                "call": network.ask("call")["seconds"],
            }
            print(f"{number or 'warm':>5}", {k: round(v, 2) for k, v in turn.items()}, flush=True)
            if number:
                for key, seconds in turn.items():
                    turns[key].append(seconds)
        peaks = network.ask("peak")
        memory = ours.peak_bytes() / 1e9, theirs.ask("memory")["bytes"] / 1e9
        precision = ours.precision
    return told(turns, chosen, peaks, memory, precision)


def told(
    turns: dict[str, list[float]],
    chosen: argparse.Namespace,
    peaks: dict[str, float],
    memory: tuple[float, float],
    precision: str,
) -> dict[str, Any]:
    """The figures under their names."""
    pairs = zip(turns["theirs"], turns["ours"], strict=True)
    ratios = sorted(theirs / ours for theirs, ours in pairs)
    steps = [(b - a) / chosen.steps for a, b in zip(turns["ours"], turns["longer"], strict=True)]
    step, call = statistics.median(steps), statistics.median(turns["call"])
    rate = peaks["flop"] / call / 1e9
    return {
        "side, steps, repeats": f"{chosen.side}, {chosen.steps}, {chosen.repeats}",
        "drawn in": precision,
        "seconds a picture, ours": round(statistics.median(turns["ours"]), 2),
        "seconds a picture, diffusers": round(statistics.median(turns["theirs"]), 2),
        "ratio (median, least, most)": [
            round(one, 2) for one in (statistics.median(ratios), ratios[0], ratios[-1])
        ],
        "seconds a step, the network alone": [round(step, 3), round(call, 3)],
        "overhead of a step": f"{step / call - 1:+.1%}",
        "GFLOP/s in a call": round(rate),
        "of peak (bfloat16, float32)": [
            f"{rate / peaks['bfloat16']:.0%}", f"{rate / peaks['float32']:.0%}"
        ],
        "peak GB (ours, diffusers)": [round(one, 2) for one in memory],
    }  # fmt: skip


class OurServer:
    """`webui.py` over an empty folder, with one checkpoint."""

    def __init__(self, checkpoint: Path, chosen: argparse.Namespace) -> None:
        self.checkpoint, self.chosen = checkpoint, chosen
        self.precision = ""

    def __enter__(self) -> "OurServer":
        data = self.checkpoint.parent.parent / "data"
        command = [sys.executable, "webui.py", "--data-dir", str(data), "--device", "cpu"]
        command += ["--ckpt-dir", str(self.checkpoint.parent), *MODES[self.chosen.mode]]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Easel is at "):
                self.client = httpx.Client(base_url=line.split()[3], timeout=None)
            if line.startswith("Ready"):
                break
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait()

    def draw(self, steps: int) -> float:
        """Seconds of one picture, from the request to the last byte of the answer."""
        wish = {"prompt": "a cat on a mat", "seed": 1, "steps": steps, "sampler_name": "Euler"}
        wish |= {"width": self.chosen.side, "height": self.chosen.side, "cfg_scale": 7}
        began = time.perf_counter()
        answer = self.client.post("/sdapi/v1/txt2img", json=wish).raise_for_status().json()
        seconds = time.perf_counter() - began
        infotext = json.loads(answer["info"])["infotexts"][0]
        self.precision = "bfloat16" if "Precision: bfloat16" in infotext else "float32"
        return seconds

    def peak_bytes(self) -> float:
        """The most memory of the server and its child processes."""
        server = psutil.Process(self.process.pid)
        return sum(peak_bytes(one.pid) for one in (server, *server.children(recursive=True)))


class Child:
    """A process of this module that answers words with lines of JSON."""

    def __init__(self, kind: str, checkpoint: Path, chosen: argparse.Namespace) -> None:
        self.command = [sys.executable, "-m", "benchmarks.versus", "--child", kind, str(checkpoint)]
        self.command += ["--side", str(chosen.side), "--steps", str(chosen.steps)]
        self.command += ["--mode", chosen.mode]

    def __enter__(self) -> "Child":
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(self.command, cwd=ROOT, **pipes)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, word: str) -> dict[str, float]:
        """Say a word and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


def answering(answers: dict[str, Callable[[], dict[str, float]]]) -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        print(json.dumps(answers[line.strip()]()), flush=True)


def seconds_of(work: Callable[[], object]) -> dict[str, float]:
    """How long `work` takes."""
    began = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - began}


def diffusers_child(checkpoint: Path, chosen: argparse.Namespace) -> None:
    """Draw with diffusers' own pipeline, text encoder included, in float32."""
    import diffusers
    import transformers

    vae = diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=TEXT[1])
    unet = unet.to_empty(device="cpu").eval()
    for name, parameter in unet.named_parameters():
        sensible(name, parameter.data)
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
    )
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=text, tokenizer=None, safety_checker=None,
        scheduler=diffusers.EulerDiscreteScheduler(steps_offset=1), feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def draw() -> object:
        both = text(torch.arange(2 * TEXT[0]).view(2, -1)).last_hidden_state
        return pipeline(
            prompt_embeds=both[:1], negative_prompt_embeds=both[1:], guidance_scale=7.0,
            height=chosen.side, width=chosen.side, num_inference_steps=chosen.steps,
        )  # fmt: skip

    answering(
        {"draw": lambda: seconds_of(draw), "memory": lambda: {"bytes": peak_bytes(os.getpid())}}
    )


def network_child(checkpoint: Path, chosen: argparse.Namespace) -> None:
    """Call our network alone, on a batch of two as guidance does."""
    from modules.model.device import pick_device
    from modules.model.loader import load_model
    from modules.model.memory import MemoryPlan

    device = pick_device("cpu", half=chosen.mode != "float32")
    plan = MemoryPlan(device.device, device.dtype, large_dtype=device.large_dtype)
    unet = load_model(checkpoint, plan=plan).unet
    cells = chosen.side // 8
    inputs = torch.randn(2, 4, cells, cells), torch.tensor([500.0, 500.0]), torch.randn(2, *TEXT)

    @torch.no_grad()
    def call() -> object:
        return [unet(*inputs) for _ in range(chosen.steps)]

    def call_once() -> dict[str, float]:
        return {"seconds": seconds_of(call)["seconds"] / chosen.steps}

    def peak() -> dict[str, float]:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            unet(*inputs)
        found = {str(one).removeprefix("torch."): product_rate(one) for one in PRODUCTS}
        return found | {"flop": float(counter.get_total_flops())}

    answering({"call": call_once, "peak": peak})


PRODUCTS = (torch.bfloat16, torch.float32)


def product_rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a large product of matrices: the best of several."""
    x = torch.ones(PEAK_SIDE, PEAK_SIDE).to(dtype)
    seconds = min(seconds_of(lambda: x @ x)["seconds"] for _ in range(8))
    return 2 * PEAK_SIDE**3 / seconds / 1e9


def sensible(name: str, tensor: torch.Tensor) -> None:
    """Fill a tensor with numbers of about the size of trained ones."""
    if tensor.ndim > 1:
        tensor.normal_(std=tensor[0].numel() ** -0.5)
    else:
        tensor.fill_(float(name.endswith("weight")))


def write(path: Path) -> Path:
    """A checkpoint of the real shapes in half precision."""
    piece = torch.from_numpy(np.random.default_rng(1).standard_normal(2**22, dtype=np.float32))
    tensors = {}
    for name, shape in shapes_of("sd15").items():
        size = math.prod(shape)
        if len(shape) > 1:
            numbers = piece.repeat(-(-size // len(piece)))[:size].view(shape)
            tensors[name] = (numbers * (size // shape[0]) ** -0.5).half()
        else:
            tensors[name] = torch.full(shape, float(name.endswith("weight"))).half()
    save_file(tensors, path)
    return path


CHILDREN = {"diffusers": diffusers_child, "network": network_child}

if __name__ == "__main__":
    main()
