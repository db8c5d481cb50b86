"""The noise with which pictures are encoded depends on the request alone."""

from typing import Any

import pytest
import torch
from torch import Tensor

from modules.model.loader import Model
from modules.pipeline.picture_start import picture_start
from tests.pipeline.reference import cases, model, request_for


def test_the_posterior_is_drawn_from_the_last_seed_of_the_first_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []

    def encode(self: Model, x: Tensor, noise: Tensor) -> Tensor:
        seen.append(noise)
        return torch.zeros_like(noise)

    monkeypatch.setattr(Model, "encode_image", encode)
    payload: dict[str, Any] = {**cases()["i2i_euler_a_batch2"]["payload"]}
    request = request_for(payload)
    torch.randn(7)  # the global generator has a past
    picture_start(request, model(), (5, 6))
    generator = torch.Generator().manual_seed(6)
    assert len(seen) == 2
    for noise in seen:
        assert torch.equal(noise, torch.randn(noise.shape, generator=generator))
