"""Guidance: which rows are evaluated when, and how they are added up."""

from typing import Any

import pytest
import torch
from torch import Tensor

from modules.errors import ModelError
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.prediction import EpsilonAtTimestep
from tests.sampling.toy import Texts

LEVEL = torch.tensor(500.0)


def text(*values: float, tokens: int = 2) -> Tensor:
    """Rows of a context whose every entry is the value the toy network will say."""
    return torch.tensor(values).reshape(-1, 1, 1).expand(-1, tokens, 3)


class Network:
    """Says the mean of its context in every pixel; remembers the sizes of its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        assert len(x) == len(timesteps) == len(context)
        self.calls.append(tuple(context[:, 0, 0].tolist()))
        return context.mean(dim=(1, 2)).reshape(-1, 1, 1, 1).expand(x.shape).clone()


def guided(
    now: Texts, *, pictures: int = 1, times: int = 1, total: int = 10, **options: Any
) -> tuple[list[Tensor], Network]:
    """Results of `times` evaluations."""
    network = Network()
    guidance = Guidance(
        EpsilonAtTimestep(network), lambda k: now, total, GuidanceOptions(**options)
    )
    x = torch.zeros(pictures, 1, 1, 1)
    return [guidance(x, LEVEL).flatten() for _ in range(times)], network


SIMPLE = Texts(text(2.0), ((1.0,),), text(1.0))


def test_guidance_goes_from_the_negative_through_the_text() -> None:
    (result,), network = guided(SIMPLE, scale=7.0)
    assert result.tolist() == [1 + 7 * (2 - 1)]
    assert network.calls == [(2.0, 1.0)]


def test_joined_texts_are_added_with_their_weights() -> None:
    joined = Texts(text(2.0, 4.0), ((1.0, -0.5),), text(0.0))
    (result,), network = guided(joined, scale=7.0)
    assert result.tolist() == [0.0]
    assert network.calls == [(2.0, 4.0, 0.0)]


def test_all_texts_come_first_and_all_negatives_last() -> None:
    batch = Texts(text(1.0, 2.0, 3.0), ((1.0, 1.0), (1.0,)), text(-1.0, -2.0))
    (result,), network = guided(batch, pictures=2, scale=2.0)
    assert network.calls == [(1.0, 2.0, 3.0, -1.0, -2.0)]
    assert result.tolist() == [-1 + 2 * 2 + 2 * 3, -2 + 2 * 5]


def test_texts_of_different_length_are_evaluated_apart() -> None:
    uneven = Texts(text(1.0, 2.0, 3.0, tokens=4), ((1.0, 1.0, 1.0),), text(-1.0))
    _, network = guided(uneven)
    assert network.calls == [(1.0, 2.0), (3.0,), (-1.0,)]


def test_without_one_call_rows_come_in_slices_of_the_batch() -> None:
    _, network = guided(SIMPLE, one_call=False)
    assert network.calls == [(2.0,), (1.0,)]


def test_scale_one_costs_one_evaluation() -> None:
    (result,), network = guided(SIMPLE, scale=1.0)
    assert result.tolist() == [2.0]
    assert network.calls == [(2.0,)]


def test_scale_one_still_needs_the_negative_where_texts_are_joined() -> None:
    joined = Texts(text(2.0, 4.0), ((1.0, 0.5),), text(1.0))
    (result,), network = guided(joined, scale=1.0)
    assert network.calls == [(2.0, 4.0, 1.0)]
    assert result.tolist() == [1 + 1 + 1.5]


def test_scale_one_may_be_told_to_evaluate_the_negative() -> None:
    _, network = guided(SIMPLE, scale=1.0, always_uncond=True)
    assert network.calls == [(2.0, 1.0)]


def test_below_the_minimum_sigma_every_second_evaluation_goes_without_the_negative() -> None:
    results, network = guided(SIMPLE, scale=7.0, times=4, minimum_sigma=501.0)
    assert [len(call) for call in network.calls] == [2, 1, 2, 1]
    assert [float(result) for result in results] == [8, 2, 8, 2]
    _, above = guided(SIMPLE, times=4, minimum_sigma=499.0)
    assert [len(call) for call in above.calls] == [2, 2, 2, 2]
    _, always = guided(SIMPLE, times=4, minimum_sigma=501.0, minimum_sigma_always=True)
    assert [len(call) for call in always.calls] == [1, 1, 1, 1]


def test_an_early_share_of_the_pass_goes_without_the_negative() -> None:
    _, network = guided(SIMPLE, times=5, total=10, skip_early=0.2)
    assert [len(call) for call in network.calls] == [1, 1, 1, 2, 2]


def test_rescaling_gives_back_the_spread_of_the_text() -> None:
    def network(x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        return x * context.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)

    x = torch.randn(1, 4, 8, 8)
    for phi, spread in ((1.0, 2.0), (0.5, 5.0)):
        options = GuidanceOptions(scale=7.0, rescale=phi)
        guidance = Guidance(EpsilonAtTimestep(network), lambda k: SIMPLE, 10, options)
        got = guidance(x, LEVEL)
        assert float(got.std() / x.std()) == pytest.approx(spread, rel=1e-5)


def test_attachments_see_the_latent_before_and_the_result_after() -> None:
    guidance = Guidance(
        EpsilonAtTimestep(Network()),
        lambda k: SIMPLE,
        10,
        GuidanceOptions(scale=1.0),
        before=[lambda x, level: x + 3],
        after=[lambda combined, x, level: combined * 10 + x],
    )
    assert float(guidance(torch.zeros(1, 1, 1, 1), LEVEL)) == 23


def test_a_network_that_says_nan_is_an_error() -> None:
    broken = Texts(text(float("nan")), ((1.0,),), text(float("nan")))
    with pytest.raises(ModelError, match="NaN"):
        guided(broken)
