"""A job's pictures, divided into batches that are drawn at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.schema.request import GenerationRequest


@dataclass(frozen=True, kw_only=True)
class BatchOfSeeds:
    """One batch: which pictures of the job, and their seeds.

    The whole batch is drawn, also after a crash in its middle, but pictures before `missing_from`
    are there already.
    """

    number: int
    first: int
    seeds: tuple[int, ...]
    subseeds: tuple[int, ...]
    missing_from: int

    @property
    def places(self) -> range:
        """Indices in the batch of the pictures that are wanted."""
        return range(self.missing_from - self.first, len(self.seeds))


def batches(request: GenerationRequest, start_image: int = 0) -> Iterator[BatchOfSeeds]:
    """The batches that still have pictures from `start_image` on.

    Seeds count up, or, with a variation, only the variation seeds do.
    """
    seeds = request.seeds
    if seeds.seed < 0:
        raise InvalidRequest("The seed is not decided yet.", "Give a seed of 0 or more.")
    subseed = max(seeds.subseed, 0)
    size = request.batch.batch_size
    for number in range(start_image // size, request.batch.n_iter):
        numbers = range(number * size, (number + 1) * size)
        yield BatchOfSeeds(
            number=number,
            first=numbers.start,
            seeds=tuple(seeds.seed + (0 if seeds.subseed_strength else i) for i in numbers),
            subseeds=tuple(subseed + i for i in numbers),
            missing_from=max(start_image, numbers.start),
        )
