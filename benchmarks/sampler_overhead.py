"""What a sampler step costs beyond the network's own time.

    python -m benchmarks sampler_overhead [--source NV] [--steps 20] [--json FILE]

Every sampler draws one latent of 64 x 64 cells with guidance; the network is a stand-in that
answers at once. Two columns, both in milliseconds of processor time a step, which a busy machine
stretches less than the clock: what the sampling loop itself costs (guidance, prediction, the
sampler's arithmetic, noise), and what is done ahead of it in another thread, beside the network.
The fastest of several passes counts, because other programs can only add to it. The aim for the
loop is 1 ms; the other column is hidden wherever the network takes longer than that.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modules.sampling.catalogue import SAMPLERS, Sampler, resolve_sampler
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.noise import SOURCES, NoiseOptions, SeededNoise
from modules.sampling.plan import PassOptions, SamplingPass

SHAPE = (4, 64, 64)
AIM_MS = 1.0


@dataclass(frozen=True)
class Texts:
    """A prompt and a negative prompt of one chunk."""

    cond: Tensor
    uncond: Tensor
    weights: tuple[tuple[float, ...], ...] = ((1.0,),)
    vectors: Tensor | None = None
    uncond_vectors: Tensor | None = None


class StandIn:
    """A network that predicts the same noise always."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.answer = torch.randn((2, *SHAPE), generator=generator)

    def __call__(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """(rows, 4, 64, 64), whatever is asked."""
        return self.answer[: len(x)]


def main() -> None:
    """Measure every sampler and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", choices=SOURCES, default="CPU", help="random number source")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--repeats", type=int, default=5, help="the fastest of so many passes counts"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    parser.add_argument("--sampler", action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = {}
    print(f"{'ms a step':20} {'loop':>8} {'ahead':>8}")
    for sampler in SAMPLERS:
        if chosen.sampler and sampler.name not in chosen.sampler:
            continue
        times = [overhead_ms(sampler, chosen) for _ in range(chosen.repeats + 1)][1:]
        loop, ahead = (round(min(column), 3) for column in zip(*times, strict=True))
        rows[sampler.name] = {"loop": loop, "ahead": ahead}
        mark = "" if loop < AIM_MS else f"  over {AIM_MS:g} ms"
        print(f"{sampler.name:20} {loop:8.3f} {ahead:8.3f}{mark}", flush=True)
    if chosen.json:
        about = {
            key: value for key, value in vars(chosen).items() if key not in ("json", "sampler")
        }
        about |= {"shape": SHAPE, "torch": torch.__version__}
        chosen.json.write_text(json.dumps({"about": about, "ms_per_step": rows}, indent=1) + "\n")


def overhead_ms(sampler: Sampler, chosen: argparse.Namespace) -> tuple[float, float]:
    """One pass: milliseconds a step in the loop and ahead of it, without making the plan."""
    plan = SamplingPass(
        resolve_sampler(sampler.name, "Automatic"), chosen.steps, alphas(), PassOptions()
    )
    texts = Texts(torch.ones(1, 77, 8), torch.zeros(1, 77, 8))
    wish = GuidanceOptions(scale=7.0 / sampler.cfg_divisor, always_uncond=sampler.needs_uncond)
    guidance = Guidance(plan.prediction(StandIn()), lambda k: texts, plan.evaluations, wish)
    noise = SeededNoise(SHAPE, [1234], [], NoiseOptions(source=chosen.source))
    x = plan.start(noise.first())
    began, began_all = time.thread_time(), time.process_time()
    count = 0
    for step in plan.run(guidance, x, plan.noise_source(noise)):
        count = step.index + 1
    loop, both = time.thread_time() - began, time.process_time() - began_all
    return loop / count * 1000, max(both - loop, 0.0) / count * 1000


def alphas() -> Tensor:
    """Stable Diffusion's table of noise levels: (1000,) float32."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


if __name__ == "__main__":
    main()
