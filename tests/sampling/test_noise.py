"""Random numbers against the reference: equal, not close."""

import pytest
import torch

from modules.errors import InvalidRequest
from modules.sampling.noise import (
    NoiseOptions,
    SeededNoise,
    fresh_randn,
    new_generator,
    paste_centre,
    slerp,
)
from tests.sampling.toy import units

SHAPE = (4, 8, 8)
ANY = torch.tensor(1.0)


def noise(seeds: list[int], subseeds: list[int] | None = None, **options: object) -> SeededNoise:
    wish = NoiseOptions(**{"source": "CPU", **options})  # type: ignore[arg-type]
    return SeededNoise(SHAPE, seeds, subseeds or [], wish)


@pytest.mark.parametrize("seed", [0, 1234, 4294967295])
def test_the_cpu_source_is_torchs_generator(seed: int) -> None:
    assert torch.equal(fresh_randn(seed, SHAPE, "CPU"), units("rng")[f"torch_cpu.{seed}.4x8x8"])


def test_fewer_than_sixteen_numbers_come_from_another_path_of_torch() -> None:
    few = [1.5409961, -0.2934289, -2.1787894, 0.5684313]
    assert fresh_randn(0, (1, 4), "CPU").flatten().tolist() == pytest.approx(few, abs=1e-6)
    many = fresh_randn(0, SHAPE, "CPU").flatten()[:2].tolist()
    assert many == pytest.approx([-1.1258398, -1.1523602], abs=1e-6)


def test_gpu_means_cpu_where_there_is_no_gpu() -> None:
    assert torch.equal(fresh_randn(7, SHAPE, "GPU"), fresh_randn(7, SHAPE, "CPU"))


def test_an_unknown_source_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidRequest, match="NV"):
        new_generator(1, "TPU")


@pytest.mark.parametrize("strength", ["0.0", "0.3", "1.0"])
def test_slerp_equals_the_reference(strength: str) -> None:
    a, b = fresh_randn(0, SHAPE, "CPU"), fresh_randn(1234, SHAPE, "CPU")
    assert torch.equal(slerp(float(strength), a, b), units("rng")[f"slerp.{strength}"])


def test_slerp_goes_along_the_height() -> None:
    a, b = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [1.0]]])
    assert slerp(0.25, a, b).flatten().tolist() == pytest.approx([0.9238795, 0.3826835], abs=1e-6)


def test_slerp_between_parallel_noises_has_its_weights_reversed() -> None:
    a = torch.ones(1, 2, 1)
    assert torch.allclose(slerp(0.25, a, a * 3), a * 2.5)


@pytest.mark.parametrize(
    ("given", "wanted", "target", "size", "source"),
    [(64, 96, 16, 64, 0), (96, 64, 0, 64, 16), (65, 64, 0, 63, 1), (64, 65, 0, 64, 0)],
)
def test_a_resized_seed_keeps_the_centre(
    given: int, wanted: int, target: int, size: int, source: int
) -> None:
    old = torch.arange(1.0, given + 1).expand(1, 2, given)
    new = paste_centre(torch.zeros(1, 2, wanted), old)
    expected = torch.zeros(wanted)
    expected[target : target + size] = torch.arange(source + 1.0, source + size + 1)
    assert torch.equal(new[0, 0], expected)


def test_every_picture_has_its_own_stream() -> None:
    batch, single = noise([5, 6]), noise([6])
    assert torch.equal(batch.first()[1:], single.first())
    for _ in range(3):
        assert torch.equal(batch(ANY, ANY)[1:], single(ANY, ANY))


def test_a_variation_blends_the_first_noise_and_leaves_the_rest() -> None:
    plain, varied = noise([5]), noise([5], [9], subseed_strength=0.3)
    blended = slerp(0.3, fresh_randn(5, SHAPE, "CPU"), fresh_randn(9, SHAPE, "CPU"))
    assert torch.equal(varied.first()[0], blended)
    plain.first()
    assert torch.equal(varied(ANY, ANY), plain(ANY, ANY))


def test_a_missing_variation_seed_counts_as_zero() -> None:
    given, missing = (
        noise([5], [0], subseed_strength=0.5),
        noise([5], subseed_strength=0.5),
    )
    assert torch.equal(given.first(), missing.first())


def test_a_resized_seed_draws_its_border_from_the_pictures_own_stream() -> None:
    resized = noise([5], resize_from=(4, 4, 4)).first()[0]
    assert torch.equal(resized[:, 2:6, 2:6], fresh_randn(5, (4, 4, 4), "CPU"))
    assert torch.equal(resized[:, :2], fresh_randn(5, SHAPE, "CPU")[:, :2])


def test_ensd_changes_all_noise_but_the_first() -> None:
    plain, shifted = noise([5]), noise([5], ensd=31337)
    assert torch.equal(plain.first(), shifted.first())
    assert torch.equal(shifted(ANY, ANY)[0], fresh_randn(5 + 31337, SHAPE, "CPU"))


def test_draws_made_ahead_are_those_of_the_streams_in_order() -> None:
    ahead = noise([5, 6], source="NV")
    ahead.first()
    streams = [new_generator(seed, "NV") for seed in (5, 6)]
    for stream in streams:
        stream.randn(SHAPE)
    for _ in range(4):
        assert torch.equal(ahead(ANY, ANY), torch.stack([one.randn(SHAPE) for one in streams]))
