"""The software Philox against CUDA's numbers."""

import numpy as np
import pytest
import torch

from modules.sampling.philox import PhiloxGenerator, philox
from tests.sampling.toy import units


def test_counter_zero_and_key_zero_give_the_published_words() -> None:
    zeros = [np.zeros(1, np.uint64)] * 4
    words = [int(word[0]) for word in philox(zeros, 0)]
    assert words == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.parametrize(
    ("seed", "numbers"),
    [
        (0, [-0.9246624, -0.4253440, -2.6438458, 0.1451839, -0.1208665, -0.5797257]),
        (12345, [0.5786413, -0.5247555, -0.2919037, 0.0140139]),
        (1234567890123, [0.4745931, 0.8396766, -0.7642830, -1.0388207]),
    ],
)
def test_known_seeds_give_known_numbers(seed: int, numbers: list[float]) -> None:
    got = PhiloxGenerator(seed).randn((12,))[: len(numbers)]
    assert got.tolist() == pytest.approx(numbers, abs=1e-7)


def test_the_second_draw_takes_the_next_offset() -> None:
    generator = PhiloxGenerator(0)
    generator.randn((12,))
    second = [0.1808259, -0.5522627, 0.9238134, -0.7349703]
    assert generator.randn((4,)).tolist() == pytest.approx(second, abs=1e-7)


@pytest.mark.parametrize("seed", [0, 1, 1234, 4294967295, 4294967301, 987654321987])
def test_draws_equal_the_reference(seed: int) -> None:
    generator, reference = PhiloxGenerator(seed), units("rng")
    first = torch.from_numpy(generator.randn((4, 8, 8)))
    second = torch.from_numpy(generator.randn((4, 12, 9)))
    assert torch.equal(first, reference[f"philox.{seed}.first4x8x8"])
    assert torch.equal(second, reference[f"philox.{seed}.second4x12x9"])
