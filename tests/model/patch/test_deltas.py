"""What each kind of network adds, against the plain formulas."""

import pytest
import torch
from torch import Tensor

from modules.model.patch.deltas import change_of


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


W = random(6, 4)
CONV = random(6, 4, 3, 3)


def delta(group: dict[str, Tensor], weight: Tensor = W, ranks: int | None = None) -> Tensor:
    result = change_of(group, weight, ranks).weight
    assert result is not None
    assert result.shape == weight.shape
    return result


def test_lora_is_up_times_down_scaled_by_alpha_over_rank() -> None:
    up, down = random(6, 2), random(2, 4)
    group = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(1.0)}
    assert torch.allclose(delta(group), up @ down / 2)
    first = delta(group, ranks=1)
    assert torch.allclose(first, up[:, :1] @ down[:1] / 2)  # alpha still counts by the whole rank
    group["scale"] = torch.tensor(3.0)
    assert torch.allclose(delta(group), up @ down * 3)


def test_lora_of_a_convolution_with_and_without_a_middle() -> None:
    up, down, middle = random(6, 2, 1, 1), random(2, 4, 3, 3), random(2, 2, 3, 3)
    plain = delta({"lora_up.weight": up, "lora_down.weight": down}, CONV)
    assert torch.allclose(plain, torch.einsum("or,rixy->oixy", up[:, :, 0, 0], down))
    narrow = random(2, 4, 1, 1)
    group = {"lora_up.weight": up, "lora_down.weight": narrow, "lora_mid.weight": middle}
    x = random(1, 4, 8, 8)
    convolve = torch.nn.functional.conv2d
    expected = convolve(convolve(convolve(x, narrow), middle, padding=1), up)
    assert torch.allclose(convolve(x, delta(group, CONV), padding=1), expected, atol=1e-4)


def test_loha_is_a_product_of_products() -> None:
    a, b, c, d = random(6, 2), random(2, 4), random(6, 2), random(2, 4)
    group = {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": c, "hada_w2_b": d}
    assert torch.allclose(delta(group), (a @ b) * (c @ d))


def test_lokr_is_a_kronecker_product() -> None:
    small, a, b = random(3, 2), random(2, 1), random(1, 2)
    group = {"lokr_w1": small, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(0.5)}
    assert torch.allclose(delta(group), torch.kron(small, a @ b) * 0.5)
    whole = {"lokr_w1": small, "lokr_w2": random(2, 2, 3, 3), "alpha": torch.tensor(0.5)}
    expected = torch.kron(small[:, :, None, None], whole["lokr_w2"])
    assert torch.allclose(delta(whole, CONV), expected)  # no rank, so alpha does not count


def test_ia3_multiplies_inputs_or_outputs() -> None:
    by_input = {"weight": random(4), "on_input": torch.tensor(True)}
    assert torch.allclose(delta(by_input), W * by_input["weight"])
    by_output = {"weight": random(6), "on_input": torch.tensor(False)}
    assert torch.allclose(delta(by_output), W * by_output["weight"][:, None])


def test_whole_differences_and_those_of_norms_bring_biases() -> None:
    change = change_of({"diff": random(6, 4), "diff_b": random(6)}, W, None)
    assert change.bias is not None
    assert torch.equal(change.bias, random(6))
    norm = change_of({"w_norm": random(6), "b_norm": random(6)}, random(6), None)
    assert norm.weight is not None
    assert norm.bias is not None


def test_glora_also_uses_the_weight_itself() -> None:
    shapes = {"a1": (2, 4), "a2": (4, 2), "b1": (2, 4), "b2": (6, 2)}
    group = {f"{name}.weight": random(*shape) for name, shape in shapes.items()}
    a1, a2, b1, b2 = group.values()
    assert torch.allclose(delta(group), b2 @ b1 + W @ a2 @ a1, atol=1e-5)


def test_oft_turns_rows_and_keeps_their_lengths_together() -> None:
    turned = W + delta({"oft_blocks": random(2, 3, 3)})
    for block in (slice(0, 3), slice(3, 6)):
        assert torch.allclose(turned[block].norm(dim=0), W[block].norm(dim=0), atol=1e-5)
    assert torch.allclose(delta({"oft_blocks": torch.zeros(2, 3, 3)}), torch.zeros(6, 4), atol=1e-6)


def test_unknown_tensors_are_refused() -> None:
    with pytest.raises(KeyError, match="dora"):
        change_of({"dora": W}, W, None)
