"""Pictures against those of A1111's webui 1.8: same model, same request.

On one or two threads most cases are equal to the last bit. With more, latents differ by float32
rounding inside the networks (1e-4 of values around 20), so pixels are compared within the
reference's own tolerance: 2 levels at most, 0.02 on average. Noise and noise levels are equal;
`tests/sampling` compares them.
"""

import numpy as np
import pytest
import torch

from modules.pipeline.batch import batches
from modules.pipeline.first_latents import noise_for
from tests.pipeline.reference import (
    cases,
    draw,
    model,
    raw,
    reference_pixels,
    request_for,
    tolerances,
)

QUICK = (
    "sampler_euler_a",
    "sampler_plms",
    "batch2_iter2",
    "prompt_and_batch",
    "nv_batch_subseed",
    "lora_two",
    "hr_lanczos",
    "i2i_resize_latent",
    "i2i_color_correction",
    "inpaint_only_masked_fill",
)
LATENTS_APART = {"sampler_dpm_adaptive_eta0": 0.1, "i2i_dpm_adaptive": 0.2}
"""Where steps are accepted by a threshold, rounding is amplified."""


def drawable() -> list[str]:
    """Everything but the pictures made without a model."""
    return [name for name, case in cases().items() if case["endpoint"] in ("txt2img", "img2img")]


def last_latents(tensors: dict[str, torch.Tensor], count: int) -> torch.Tensor:
    """Those of the last pass of every batch, `count` in all."""
    kept: list[torch.Tensor] = []
    for number in reversed(range(sum(key.startswith("latent.") for key in tensors))):
        if sum(map(len, kept)) < count:
            kept.insert(0, tensors[f"latent.{number}"])
    return torch.cat(kept)


def compare(case: str) -> None:
    drawn = draw(request_for(cases()[case]["payload"]))
    tensors = raw(case)
    latents = last_latents(tensors, len(drawn.latents))
    scale = max(1.0, float(latents.abs().max()) / 20)
    apart = float((torch.stack(drawn.latents) - latents).abs().max()) / scale
    assert apart < LATENTS_APART.get(case, 1e-3)
    limit = tolerances().get(case, {"max": 2, "mean": 0.02})
    for number, pixels in enumerate(drawn.pixels):
        difference = np.abs(pixels.astype(int) - reference_pixels(case, number).astype(int))
        assert difference.max() <= limit["max"]
        assert difference.mean() <= limit["mean"]


@pytest.mark.parametrize("case", QUICK)
def test_a_picture_equals_the_reference(case: str) -> None:
    compare(case)


@pytest.mark.golden
@pytest.mark.parametrize("case", [case for case in drawable() if case not in QUICK])
def test_every_picture_equals_the_reference(case: str) -> None:
    compare(case)


def test_the_first_noise_of_every_case_is_equal() -> None:
    for case in drawable():
        request = request_for(cases()[case]["payload"])
        for number, batch in enumerate(batches(request)):
            if f"noise.{number}" in raw(case):
                noise = noise_for(request, model(), batch).first()
                assert torch.equal(noise, raw(case)[f"noise.{number}"]), case
