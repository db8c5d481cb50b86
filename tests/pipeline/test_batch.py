"""Which seeds a job's pictures get."""

import pytest

from modules.errors import InvalidRequest
from modules.pipeline.batch import batches
from modules.schema.request import Batch, GenerationRequest, Seeds


def request(seeds: Seeds, size: int = 2, count: int = 2) -> GenerationRequest:
    return GenerationRequest(seeds=seeds, batch=Batch(batch_size=size, n_iter=count))


def test_seeds_count_up_through_the_whole_job() -> None:
    found = list(batches(request(Seeds(seed=5))))
    assert [batch.seeds for batch in found] == [(5, 6), (7, 8)]


def test_with_a_variation_the_variation_seeds_count_up_instead() -> None:
    found = list(batches(request(Seeds(seed=5, subseed=90, subseed_strength=0.1))))
    assert [batch.seeds for batch in found] == [(5, 5), (5, 5)]
    assert [batch.subseeds for batch in found] == [(90, 91), (92, 93)]


def test_beginning_in_the_middle_repeats_the_batch_but_only_wants_the_rest() -> None:
    (last,) = batches(request(Seeds(seed=5)), start_image=3)
    assert (last.number, last.seeds, list(last.places)) == (1, (7, 8), [1])
    assert list(batches(request(Seeds(seed=5)), start_image=4)) == []


def test_a_random_seed_must_have_been_decided() -> None:
    with pytest.raises(InvalidRequest, match="seed"):
        list(batches(request(Seeds())))
