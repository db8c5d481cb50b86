"""How much pictures change when a network computes in bfloat16: `python -m benchmarks precision`.

    python -m benchmarks precision [--pictures 100] [--steps 20] [--checkpoint FILE]

The same requests are drawn twice, by the model in float32 and by the model as large ones are drawn
where bfloat16 is faster: in that type, with attention in blocks, the VAE too. Prompts are the
model's own examples, seeds go on. Told: the peak signal to noise ratio of the pictures, in decibels
(10 * log10(255^2 / mean squared difference); 40 can hardly be seen, 30 can when looked for).
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch

from modules.model.memory import MemoryPlan
from modules.paths import Paths
from modules.pipeline.generate import generate
from modules.pipeline.ready import Ready, make_ready
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size

EASEL_MINI = Paths().program / "models" / "Stable-diffusion" / "easel-mini.safetensors"


def main() -> None:
    """Draw everything twice and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", type=Path, default=EASEL_MINI)
    chosen = parser.parse_args()
    found = sorted(likenesses(chosen.checkpoint, chosen.pictures, chosen.steps))
    print(f"{chosen.pictures} pictures of {chosen.steps} steps, float32 beside bfloat16")
    print(f"PSNR in dB: median {statistics.median(found):.1f}, mean {statistics.mean(found):.1f}")
    print(f"least {found[0]:.1f}, tenth part below {found[len(found) // 10]:.1f}")


def likenesses(checkpoint: Path, pictures: int, steps: int) -> list[float]:
    """PSNR of every picture drawn in bfloat16, in dB."""
    exact, quick = (ready(checkpoint, dtype) for dtype in (torch.float32, torch.bfloat16))
    prompts = exact.model.examples
    found = []
    for number in range(pictures):
        width, height = exact.model.native_size
        request = GenerationRequest(
            prompt=prompts[number % len(prompts)],
            seeds=Seeds(seed=number, subseed=0),
            size=Size(width=width, height=height),
            sampling=Sampling(sampler="DPM++ 2M", schedule="Karras", steps=steps),
        )
        found.append(decibels(drawn(request, exact), drawn(request, quick)))
    return found


def ready(checkpoint: Path, dtype: torch.dtype) -> Ready:
    """The model, computing in a type as a whole."""
    plan = MemoryPlan(torch.device("cpu"), dtype, hint="all")
    return make_ready(checkpoint, plan, find_sha256=lambda: "", paths=Paths())


def drawn(request: GenerationRequest, model: Ready) -> np.ndarray:
    """The pixels of one picture, (height, width, 3) uint8."""
    events = generate(
        request, model.model, model.conditioner, Cancel(), patcher=model.patcher,
        preview_interval_s=None,
    )  # fmt: skip
    [image] = [event.image.image for event in events if isinstance(event, ImageReady)]
    assert image is not None
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, -1)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """The peak signal to noise ratio; 100 for equal pictures."""
    error = float(np.mean((one.astype(float) - other.astype(float)) ** 2))
    return 100.0 if error == 0 else 10 * float(np.log10(255**2 / error))


if __name__ == "__main__":
    main()
