"""Convolutions in eight bits for one request: told where it happened, and gone afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from modules.model.eight_bits import quick_bytes
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady, Notice
from modules.schema.request import Batch, GenerationRequest, SamplerOptions, Sampling, Seeds, Size
from modules.schema.result import GeneratedImage
from tests.pipeline.reference import conditioner, model, patcher

REQUEST = GenerationRequest(
    prompt="a cat",
    sampling=Sampling(sampler="Euler", schedule="Karras", steps=3),
    seeds=Seeds(seed=10, subseed=0),
    size=Size(width=64, height=64),
)
needs_bytes = pytest.mark.skipif(
    not quick_bytes(), reason="needs instructions for products of bytes"
)
IN_BYTES = replace(REQUEST, options=SamplerOptions(int8=True))


def drawn(request: GenerationRequest) -> tuple[list[GeneratedImage], list[str]]:
    """The pictures, and the notices."""
    events = list(
        generate(
            request, model(), conditioner(), Cancel(), patcher=patcher(), preview_interval_s=None
        )
    )
    pictures = [event.image for event in events if isinstance(event, ImageReady)]
    return pictures, [event.message for event in events if isinstance(event, Notice)]


def pixels(image: GeneratedImage) -> np.ndarray:
    assert image.image is not None
    return np.frombuffer(image.image.data, np.uint8).astype(int)


@needs_bytes
def test_a_picture_says_so_and_the_next_one_is_as_before() -> None:
    (before,), _ = drawn(REQUEST)
    (quick,), _ = drawn(IN_BYTES)
    (after,), _ = drawn(REQUEST)
    assert dict(quick.facts)["Int8 convolutions"] is True
    assert "Int8 convolutions" not in dict(after.facts)
    assert not np.array_equal(pixels(quick), pixels(before))
    assert np.array_equal(pixels(after), pixels(before))


@needs_bytes
def test_a_picture_of_a_batch_differs_less_than_by_the_bytes_themselves() -> None:
    both, _ = drawn(replace(IN_BYTES, batch=Batch(batch_size=2)))
    (alone,), _ = drawn(replace(IN_BYTES, seeds=Seeds(seed=11, subseed=0)))
    (exact,), _ = drawn(replace(REQUEST, seeds=Seeds(seed=11, subseed=0)))
    own, by_bytes = (np.abs(pixels(one) - pixels(alone)).mean() for one in (both[1], exact))
    assert own < by_bytes  # a last bit can move a byte


def test_where_it_cannot_be_it_is_left_out_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu._is_vnni_supported", lambda: False)
    drawn(REQUEST)  # whatever was in use before is no longer
    (picture,), notices = drawn(IN_BYTES)
    assert "Int8 convolutions" not in dict(picture.facts)
    assert notices == [
        "Int8 convolutions are left out: this processor has no fast products of bytes."
    ]
