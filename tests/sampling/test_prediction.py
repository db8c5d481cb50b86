"""What a network says, turned into what samplers work with, and back."""

import pytest
import torch
from torch import Tensor

from modules.sampling.prediction import (
    Consistency,
    ConsistencyTable,
    Epsilon,
    EpsilonAtTimestep,
    Prediction,
    SigmaTable,
    Velocity,
    VelocityAtTimestep,
)
from tests.sampling.toy import sd_alphas

TABLE = SigmaTable(sd_alphas())


def constant(x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    """A network that always says a half."""
    return torch.full_like(x, 0.5)


def test_timesteps_and_sigmas_are_inverse_also_between_whole_timesteps() -> None:
    t = torch.tensor([0.0, 0.25, 500.0, 856.2858, 999.0])
    assert torch.allclose(TABLE.sigma_to_t(TABLE.t_to_sigma(t)), t, atol=2e-2)
    assert TABLE.sigma_to_t(TABLE.sigmas[[0, 500, 999]]).tolist() == [0, 500, 999]


def test_sigmas_outside_the_table_get_its_ends() -> None:
    assert TABLE.sigma_to_t(torch.tensor([1e-4, 1e4])).tolist() == [0, 999]


def test_quantised_timesteps_are_those_of_the_nearest_level() -> None:
    sigma = TABLE.t_to_sigma(torch.tensor([856.2858, 713.9]))
    assert SigmaTable(sd_alphas(), quantize=True).sigma_to_t(sigma).tolist() == [856, 714]


def test_a_noise_predicting_network_denoises_by_taking_its_noise_away() -> None:
    x = torch.randn(2, 4, 3, 3)
    sigma = torch.tensor([2.0, 0.5])
    denoised = Epsilon(constant, TABLE)(x, sigma, None)
    assert torch.allclose(denoised, x - sigma.reshape(2, 1, 1, 1) * 0.5, atol=1e-6)


def test_a_velocity_network_denoises_by_both_scalings() -> None:
    x, sigma = torch.randn(1, 4, 3, 3), torch.tensor([2.0])
    expected = x / (2.0**2 + 1) - 0.5 * 2.0 / (2.0**2 + 1) ** 0.5
    assert torch.allclose(Velocity(constant, TABLE)(x, sigma, None), expected, atol=1e-6)


def test_velocity_at_a_timestep_means_noise() -> None:
    x, alpha = torch.randn(1, 4, 3, 3), float(sd_alphas()[500])
    got = VelocityAtTimestep(constant, sd_alphas())(x, torch.tensor([500.0]), None)
    assert torch.allclose(got, 0.5 * alpha**0.5 + x * (1 - alpha) ** 0.5, atol=1e-6)


def test_the_network_is_asked_at_fractional_timesteps_with_a_scaled_latent() -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        seen.extend((x, timesteps))
        return x

    x = torch.ones(1, 1, 1, 1)
    Epsilon(network, TABLE)(x, TABLE.t_to_sigma(torch.tensor([856.25])), None)
    assert float(seen[1]) == pytest.approx(856.25, abs=1e-2)
    sigma = float(TABLE.t_to_sigma(torch.tensor(856.25)))
    assert float(seen[0]) == pytest.approx((sigma**2 + 1) ** -0.5)


@pytest.mark.parametrize(
    ("prediction", "level"),
    [
        (Epsilon(constant, TABLE), 2.0),
        (Velocity(constant, TABLE), 2.0),
        (Consistency(constant, ConsistencyTable(sd_alphas())), 2.0),
        (EpsilonAtTimestep(constant), 500.0),
        (VelocityAtTimestep(constant, sd_alphas()), 500.0),
    ],
)
def test_the_way_to_the_networks_output_and_back_is_a_round_trip(
    prediction: Prediction, level: float
) -> None:
    x, levels = torch.randn(1, 4, 3, 3), torch.tensor([level])
    combined = prediction(x, levels, None)
    assert torch.allclose(prediction.to_output(x, levels, combined), torch.tensor(0.5), atol=1e-5)


def test_a_consistency_model_uses_every_twentieth_level() -> None:
    table = ConsistencyTable(sd_alphas())
    assert len(table.sigmas) == 50
    assert table.sigma_to_t(table.sigmas[[0, 49]]).tolist() == [19, 999]
    assert torch.allclose(table.t_to_sigma(torch.tensor([19.0, 999.0])), table.sigmas[[0, 49]])


def test_a_consistency_model_keeps_x_where_there_is_no_noise_left() -> None:
    model = Consistency(constant, ConsistencyTable(sd_alphas()))
    x = torch.randn(1, 4, 3, 3)
    s = 190.0  # timestep 19 times ten
    skip, out = 0.25 / (s**2 + 0.25), s / (s**2 + 0.25) ** 0.5
    sigma = model.table.sigmas[:1]
    expected = out * (x - sigma * 0.5) + skip * x
    assert torch.allclose(model(x, sigma, None), expected, atol=1e-6)
