"""Step caching: which evaluations run whole, whose features they use, and what stays exact."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from modules.model.networks.additions import Additions
from modules.model.networks.deep import Deep
from modules.model.networks.unet import UNet
from modules.pipeline.generate import generate
from modules.pipeline.points import Attachment, Call, Points
from modules.schema.cancel import Cancel
from modules.schema.event import Event
from modules.schema.inputs import Hires
from modules.schema.request import (
    Batch,
    GenerationRequest,
    SamplerOptions,
    Sampling,
    Seeds,
    Size,
)
from tests.pipeline.reference import conditioner, draw, model

REQUEST = GenerationRequest(
    prompt="a cat",
    negative_prompt="a dog",
    sampling=Sampling(sampler="Euler", schedule="Karras", steps=6, cfg_scale=4.0),
    seeds=Seeds(seed=10, subseed=0),
    size=Size(width=64, height=64),
)


def cached(request: GenerationRequest = REQUEST, **options: Any) -> GenerationRequest:
    """The request with every second evaluation cached, or as `options` say."""
    return replace(request, options=SamplerOptions(**{"step_cache": 2, **options}))


def network() -> UNet:
    unet = model().unet
    assert isinstance(unet, UNet)
    return unet


@contextmanager
def counted(module: nn.Module) -> Iterator[list[int]]:
    """How many rows each call of `module` has."""
    rows: list[int] = []
    handle = module.register_forward_hook(lambda _, given, answer: rows.append(len(answer)))
    try:
        yield rows
    finally:
        handle.remove()


def middle_calls(request: GenerationRequest) -> list[int]:
    """The rows of every evaluation that ran whole."""
    with counted(network().middle_block) as rows:
        draw(request)
    return rows


@torch.no_grad()
def test_a_network_given_its_own_deep_part_back_says_the_same() -> None:
    unet = network()
    generator = torch.Generator().manual_seed(3)
    width = unet.config.context_dim
    x, text = (torch.randn(shape, generator=generator) for shape in ((2, 4, 9, 8), (2, 77, width)))
    times = torch.tensor([500.0, 20.0])
    plain = unet(x, times, text)
    for stages in range(1, len(unet.input_blocks) + 3):
        deep = Deep(stages)
        assert torch.equal(unet(x, times, text, deep=deep), plain)
        assert deep.features is not None
        assert torch.equal(unet(x, times, text, deep=deep), plain), stages


def test_without_an_interval_nothing_changes_whatever_the_depth() -> None:
    plain = draw(REQUEST).latents[0]
    wish = cached(step_cache=1, step_cache_depth=3, step_cache_start=0.5)
    assert torch.equal(draw(wish).latents[0], plain)


def test_one_of_every_few_evaluations_runs_whole() -> None:
    assert middle_calls(REQUEST) == [2] * 6
    assert middle_calls(cached()) == [2] * 3
    assert middle_calls(cached(step_cache=4)) == [2] * 2
    assert middle_calls(cached(step_cache=100)) == [2]


def test_the_beginning_of_a_pass_can_run_whole() -> None:
    assert middle_calls(cached(step_cache=100, step_cache_start=0.5)) == [2] * 3
    assert middle_calls(cached(step_cache_start=1.0)) == [2] * 6


def test_the_deeper_the_less_it_differs_and_the_picture_is_another() -> None:
    plain = draw(REQUEST).latents[0]
    far, near = (
        (draw(cached(step_cache_depth=depth)).latents[0] - plain).abs().mean() for depth in (1, 12)
    )
    assert 0 < near < far


def test_samplers_that_evaluate_twice_a_step_count_evaluations() -> None:
    heun = replace(REQUEST, sampling=replace(REQUEST.sampling, sampler="Heun", steps=4))
    assert len(middle_calls(heun)) == 7
    assert len(middle_calls(cached(heun))) == 4


def test_texts_and_negatives_in_two_calls_use_their_own_features() -> None:
    apart = cached(batch_cond_uncond=False)
    assert middle_calls(apart) == [1] * 6
    together, one_by_one = draw(cached()).latents[0], draw(apart).latents[0]
    assert torch.allclose(one_by_one, together, atol=1e-4)


def test_negatives_of_another_length_are_kept_apart_too() -> None:
    long = replace(REQUEST, prompt="a cat " * 60)
    assert middle_calls(cached(long)) == [1] * 6


@pytest.mark.parametrize(
    "prompt", ["a cat", "a cat AND a dog :0.5", "a [cat|dog]", "[a cat:dog:3]"]
)
def test_pictures_of_a_batch_equal_the_single_pictures_of_their_seeds(prompt: str) -> None:
    request = cached(replace(REQUEST, prompt=prompt))
    both = draw(replace(request, batch=Batch(batch_size=2))).latents
    alone = draw(replace(request, seeds=Seeds(seed=11, subseed=0))).latents
    assert torch.allclose(both[1], alone[0], atol=1e-4)


def test_a_new_batch_keeps_nothing_of_the_one_before() -> None:
    two = draw(replace(cached(), batch=Batch(n_iter=2))).latents
    alone = draw(replace(cached(), seeds=Seeds(seed=11, subseed=0))).latents
    assert torch.equal(two[1], alone[0])


def test_a_text_that_changes_makes_an_evaluation_run_whole() -> None:
    assert middle_calls(cached(replace(REQUEST, prompt="[a cat:a red dog:3]"), step_cache=6)) == [
        2,
        2,
    ]
    turns = middle_calls(cached(replace(REQUEST, prompt="a [cat|dog]")))
    assert len(turns) == 5  # the first word counts for the first two evaluations


def test_a_negative_that_is_left_out_now_and_then_is_found_again() -> None:
    skipping = cached(s_min_uncond=100.0, step_cache=3)
    with counted(model().unet) as rows:
        draw(skipping)
    assert rows == [2, 1, 2, 1, 2, 1]
    assert middle_calls(skipping) == [2, 1, 2]  # at last the negative's features are too old


def test_the_second_pass_begins_whole() -> None:
    request = cached(replace(REQUEST, hires=Hires(scale=1.5, steps=4, denoising_strength=0.99)))
    assert middle_calls(request) == [2] * (3 + 2)


def test_other_networks_that_begin_or_end_make_an_evaluation_run_whole() -> None:
    seen = 0

    @contextmanager
    def around(call: Call) -> Iterator[Additions | None]:
        nonlocal seen
        seen += 1
        yield Additions(middle=torch.tensor(0.5)) if seen > 3 else None

    points = Points((Attachment(around_network=around),))
    with counted(network().middle_block) as rows:
        events: list[Event] = list(
            generate(cached(step_cache=6), model(), conditioner(), Cancel(), points=points)
        )
    assert events
    assert rows == [2, 2]
