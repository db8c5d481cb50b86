"""Brownian noise against the reference, and against the laws of a Brownian path."""

from itertools import pairwise

import pytest
import torch

from modules.errors import OutOfMemory
from modules.sampling.brownian import BrownianNoise, BrownianTree
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.noise import fresh_randn
from modules.sampling.plan import FromPicture, PassOptions, SamplingPass
from tests.sampling.toy import sd_alphas, units


@pytest.mark.parametrize("source", ["CPU", "NV"])
@pytest.mark.parametrize("seeds", [[1234], [1234, 1235]])
def test_noise_along_a_schedule_equals_the_reference(source: str, seeds: list[int]) -> None:
    resolved = resolve_sampler("DPM++ 2M SDE Karras")
    grid = SamplingPass(resolved, 8, sd_alphas(), PassOptions()).grid
    noise = BrownianNoise((4, 8, 8), seeds, float(grid[-2]), float(grid[0]), source)
    key = f"brownian.{source}.{'_'.join(map(str, seeds))}"
    for step in range(7):
        assert torch.equal(noise(grid[step], grid[step + 1]), units("rng")[f"{key}.{step}"])


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("CPU", [-0.4475521, 1.4025627, -1.9487083, 0.0078329]),
        ("NV", [-0.5880980, 1.1655658, -0.8526961, 0.4264424]),
    ],
)
def test_the_first_step_of_a_tiny_latent(source: str, numbers: list[float]) -> None:
    noise = BrownianNoise((1, 2, 2), [42], 0.02916753, 14.614642, source)
    got = noise(torch.tensor(14.614642), torch.tensor(9.1029339)).flatten().tolist()
    assert got == pytest.approx(numbers, abs=1e-6)


def tree() -> BrownianTree:
    return BrownianTree(0.03, 14.6, 7, lambda seed: fresh_randn(seed, (1, 2, 2), "CPU"))


def test_increments_add_up_in_whatever_order_they_are_asked_for() -> None:
    forth, back = tree(), tree()
    points = [0.03, 1.0, 2.5, 2.50001, 14.6]
    spans = list(pairwise(points))
    one = [forth.increment(*span) for span in spans]
    other = [back.increment(*span) for span in reversed(spans)][::-1]
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.allclose(sum(one), forth.increment(0.03, 14.6), atol=1e-5)


def test_an_empty_span_has_no_increment_and_times_outside_are_moved_to_the_ends() -> None:
    assert torch.equal(tree().increment(2.0, 2.0), torch.zeros(1, 2, 2))
    assert torch.equal(tree().increment(-1.0, 99.0), tree().increment(0.03, 14.6))


def test_drawing_ahead_changes_no_number() -> None:
    spans = list(pairwise([14.6, 9.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.03]))
    asked = [*spans[:3], (3.3, 2.2), *spans[3:5], spans[6], spans[6]]  # also what nobody foresaw
    alone = BrownianNoise((4, 8, 8), [5, 6], 0.03, 14.6, "CPU")
    ahead = BrownianNoise((4, 8, 8), [5, 6], 0.03, 14.6, "CPU", foresee=lambda: spans)
    for span in asked:
        levels = torch.tensor(span[0]), torch.tensor(span[1])
        assert torch.equal(alone(*levels), ahead(*levels)), span


@pytest.mark.parametrize("name", ["DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"])
@pytest.mark.parametrize("picture", [None, FromPicture(strength=0.6)])
def test_a_pass_foresees_every_span_it_asks_for(name: str, picture: FromPicture | None) -> None:
    plan = SamplingPass(resolve_sampler(name), 7, sd_alphas(), PassOptions(), picture)
    foreseen = list(plan.spans(torch.device("cpu")))
    asked = []

    def noise(sigma: torch.Tensor, sigma_next: torch.Tensor) -> torch.Tensor:
        asked.append((float(sigma), float(sigma_next)))
        return torch.ones(2, 4, 8, 8)

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x) / (1 + sigma)

    list(plan.run(denoise, torch.ones(2, 4, 8, 8), noise))
    assert len(asked) >= plan.steps - 1
    assert asked == foreseen


def test_a_failure_while_drawing_ahead_reaches_whoever_asks() -> None:
    def broken() -> list[tuple[float, float]]:
        raise OutOfMemory("No memory for the noise.")

    noise = BrownianNoise((4, 8, 8), [5], 0.03, 14.6, "CPU", foresee=broken)
    with pytest.raises(OutOfMemory):
        noise(torch.tensor(14.6), torch.tensor(9.0))


def test_noise_has_unit_variance() -> None:
    noise = BrownianNoise((4, 64, 64), [3], 0.03, 14.6, "CPU")
    for step in ((14.6, 9.0), (9.0, 8.99), (0.05, 0.03)):
        drawn = noise(torch.tensor(step[0]), torch.tensor(step[1]))
        assert float(drawn.std()) == pytest.approx(1, abs=0.03)
