"""Every worked example of random numbers, noise levels and samplers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from modules.pipeline.batch import batches
from modules.pipeline.decode import to_pixels
from modules.sampling.brownian import BrownianNoise
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.noise import fresh_randn, paste_centre, slerp
from modules.sampling.philox import PhiloxGenerator, philox
from modules.sampling.plan import (
    FromPicture,
    PassOptions,
    SamplingPass,
    ddim_timesteps,
    load_sampler,
)
from modules.sampling.prediction import SigmaTable, model_alphas
from modules.sampling.samplers.restart import restart_plan
from modules.sampling.schedules.karras import karras_ramp
from modules.sampling.step import Options, Step, TimestepGrid
from modules.schema.request import Batch, GenerationRequest, Seeds
from tests.conftest import GOLDEN
from tests.sampling.toy import TanhDenoiser, TanhNoise, Texts, half, last, sd_alphas

EXAMPLES = json.loads((GOLDEN.parent / "examples" / "sampling.json").read_text(encoding="utf-8"))
SIGMAS = torch.tensor([10.0, 5.0, 2.0, 1.0, 0.5, 0.0])
TIMESTEPS = torch.tensor([1, 201, 401, 601, 801])
SMALLEST, LARGEST = 0.02916753, 14.614642

EQUAL = {"Philox words", "sampler's name", "seeds", "steps from a picture", "level of a channel"}
"""Kinds whose answers are words or whole numbers."""
ROUGH = {"noise level, zero terminal SNR": 1e-4, "share of signal, zero terminal SNR": 2e-4}
"""Relative: figures that are given with few digits."""
LOOSE = {"DPM adaptive": 1e-4, "UniPC": 5e-5}
"""Absolute: where a threshold accepts steps, or small differences are divided, rounding grows."""


def cell(value: float) -> Tensor:
    return torch.tensor([[[[value]]]])


def philox_words(given: dict[str, Any]) -> list[str]:
    counter = [np.array([word], np.uint64) for word in given["counter"]]
    return [f"{int(word[0]):08x}" for word in philox(counter, given["seed"])]


def nv_numbers(given: dict[str, int]) -> list[float]:
    generator = PhiloxGenerator(given["seed"])
    for _ in range(given["call"]):
        drawn = generator.randn((12,))
    return drawn.tolist()


def resized_seed(given: dict[str, int]) -> list[int]:
    """[where it begins, how many cells are kept, the first of them]."""
    old = torch.arange(1.0, given["from"] + 1).expand(1, 2, -1)
    row = paste_centre(torch.zeros(1, 2, given["to"]), old)[0, 0]
    kept = row[row > 0]
    return [int((row > 0).nonzero()[0]), len(kept), int(kept[0]) - 1]


def blended(given: dict[str, Any]) -> list[float]:
    a, b = (torch.tensor(given[name], dtype=torch.float32).reshape(1, 2, 1) for name in "ab")
    return slerp(given["t"], a, b).flatten().tolist()


def seeds(given: dict[str, Any]) -> list[list[int]]:
    wish = Seeds(seed=given["seed"], subseed=given["subseed"], subseed_strength=given["strength"])
    request = GenerationRequest(seeds=wish, batch=Batch(batch_size=given["images"]))
    [batch] = batches(request)
    return [list(batch.seeds), list(batch.subseeds)]


def brownian(given: dict[str, Any]) -> list[float]:
    source = BrownianNoise((1, 2, 2), [given["entropy"]], SMALLEST, LARGEST, given["source"])
    return source(*torch.tensor(given["span"])).flatten().tolist()


def table(**options: bool) -> SigmaTable:
    return SigmaTable(model_alphas(sd_alphas(), **options))


def schedule(given: dict[str, Any]) -> list[float]:
    options = {key: value for key, value in given.items() if key not in ("name", "steps")}
    resolved = resolve_sampler("Euler", given["name"])
    plan = SamplingPass(resolved, given["steps"], sd_alphas(), PassOptions(**options))
    return plan.grid.tolist()


def steps_from_a_picture(given: dict[str, Any]) -> dict[str, int]:
    picture = FromPicture(strength=given["strength"], exact=given["exact"])
    resolved = resolve_sampler("Euler", "Karras")
    plan = SamplingPass(resolved, given["steps"], sd_alphas(), PassOptions(), picture)
    whole = len(plan.full_grid) - 1
    return {"schedule": whole, "start": whole - plan.steps, "run": plan.steps}


def run(name: str, model: Any, x: Tensor, grid: Any, options: Options) -> list[float]:
    function: Callable[..., Iterator[Step]] = load_sampler(resolve_sampler(name).sampler)
    return [last(function(model, x, grid, half, options)), model.calls]


def sampler(given: dict[str, Any]) -> list[float]:
    options = Options(**{key: value for key, value in given.items() if key != "name"})
    return run(given["name"], TanhDenoiser(), cell(10.0), SIGMAS, options)


def dpm_fast(given: dict[str, Any]) -> list[float]:
    options = Options(eta=given["eta"], span=(0.5, 10.0))
    return run(
        "DPM fast", TanhDenoiser(), cell(10.0), torch.zeros(given["evaluations"] + 1), options
    )


def dpm_adaptive(given: dict[str, Any]) -> list[float]:
    options = Options(eta=given["eta"], span=(0.5, 10.0))
    return run("DPM adaptive", TanhDenoiser(), cell(10.0), torch.zeros(2), options)


def timestep_sampler(given: dict[str, Any]) -> list[float]:
    timesteps = TIMESTEPS[:4] if given["picture"] else TIMESTEPS
    grid = TimestepGrid(
        timesteps=timesteps, alphas_cumprod=sd_alphas().double(), partial=given["picture"]
    )
    wish = {key: value for key, value in given.items() if key not in ("name", "picture")}
    return run(given["name"], TanhNoise(), cell(1.5), grid, replace(Options(), **wish))


def restart(steps: int) -> list[float]:
    ramp = karras_ramp(steps, 0.0291675, 14.6146422)
    return run("Restart", TanhDenoiser(), cell(10.0), ramp, Options())


def guidance(given: dict[str, Any]) -> float:
    """What comes out where the network answers with each row's own text."""

    class Answer:
        def __call__(self, x: Tensor, level: Tensor, context: Tensor) -> Tensor:
            return context[:, :1, :1, None].expand_as(x)

        def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
            return combined

        from_output = to_output

    weights, values = zip(*given["parts"], strict=True)
    rows = torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1)
    uncond = torch.full((1, 1, 1), float(given["uncond"]))
    texts = Texts(rows, (tuple(weights),), uncond)
    guide = Guidance(Answer(), lambda k: texts, 1, GuidanceOptions(scale=given["scale"]))
    return float(guide(cell(0.0), torch.tensor(1.0)))


def named(given: dict[str, Any]) -> list[str]:
    resolved = resolve_sampler(given["name"], given["schedule"], given["version"])
    return [resolved.sampler.name, resolved.schedule.name]


def level_of(value: float) -> int:
    """A channel in [0, 1] as a decoded picture's last step makes it 8 bits."""
    picture = torch.full((3, 1, 1), value * 2 - 1)
    return to_pixels(picture).data[0]


KINDS: dict[str, Callable[[Any], Any]] = {
    "Philox words": philox_words,
    "NV numbers": nv_numbers,
    "CPU numbers": lambda given: (
        fresh_randn(given["seed"], given["shape"], "CPU").flatten().tolist()
    ),
    "resized seed": resized_seed,
    "slerp": blended,
    "slerp of parallels": blended,
    "seeds": seeds,
    "Brownian noise": brownian,
    "share of signal": lambda t: float(table().alphas_cumprod[t]),
    "noise level": lambda t: float(table().sigmas[t]),
    "share of signal, zero terminal SNR": lambda t: float(
        table(zero_terminal_snr=True).alphas_cumprod[t]
    ),
    "noise level, zero terminal SNR": lambda t: float(table(zero_terminal_snr=True).sigmas[t]),
    "noise level, downcast": lambda t: float(table(downcast=True).sigmas[t]),
    "schedule": schedule,
    "steps from a picture": steps_from_a_picture,
    "DDIM timesteps": lambda n: [len(t := ddim_timesteps(n)), int(t[0]), int(t[-1])],
    "DDIM timesteps in full": lambda n: ddim_timesteps(n).tolist(),
    "sampler": sampler,
    "DPM fast": dpm_fast,
    "DPM adaptive": dpm_adaptive,
    "Restart": restart,
    "Restart plan": lambda n: [
        round(float(start), 4) for start, _ in restart_plan(karras_ramp(n, 0.0291675, 14.6146422))
    ],
    "timestep sampler": timestep_sampler,
    "guidance": guidance,
    "sampler's name": named,
    "level of a channel": level_of,
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one['n']} {one['kind']}")
def test_example(example: dict[str, Any]) -> None:
    kind, given, wanted = example["kind"], example["given"], example["wanted"]
    got = KINDS[kind](given)
    if kind in EQUAL:
        assert got == wanted
        return
    if kind in ("NV numbers", "CPU numbers"):
        got = got[: len(wanted)]
    bent = kind == "schedule" and "rho" in given  # given with four digits
    name = given.get("name", "") if isinstance(given, dict) else ""
    relative = 2e-4 if bent else ROUGH.get(kind, 4e-6)
    absolute = LOOSE.get(kind, LOOSE.get(name, 2e-6))
    assert got == pytest.approx(wanted, rel=relative, abs=absolute)


def test_every_example_is_numbered() -> None:
    assert [one["n"] for one in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
