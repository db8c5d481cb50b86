"""Large networks compute in bfloat16 where a processor is faster at it; small ones never."""

import pytest
import torch

from benchmarks.modes import MODES, likenesses
from modules.model.attention import attend
from modules.model.device import pick_device
from modules.model.loader import load_model
from modules.model.memory import MemoryPlan, Sizes
from modules.model.networks.layers import Conv2d, Linear
from modules.model.networks.norms import GroupNorm
from modules.model.networks.unet import GEGLU, UNet
from modules.model.quickening import LARGE, quick_type, quicken
from modules.model.residency import AllOnDevice, OneAtATime
from tests.model.tiny import UNET, random_network, write_model

CPU = torch.device("cpu")


def sizes(numbers):
    return Sizes("sd1", {"unet": numbers, "autoencoder": 1000, "text_encoders": 1000})


def test_only_large_networks_change_their_type():
    plan = MemoryPlan(CPU, torch.float32, free=2**40, large_dtype=torch.bfloat16)
    assert plan.policy(sizes(LARGE)).dtype == torch.bfloat16
    assert plan.policy(sizes(LARGE - 1)).dtype == torch.float32
    alike = MemoryPlan(CPU, torch.float32, free=2**40)
    assert alike.policy(sizes(LARGE)).dtype == torch.float32


def test_room_is_counted_in_the_type_that_is_used():
    free = 3 * 2**29 + 3 * LARGE
    half = MemoryPlan(CPU, torch.float32, free=free, large_dtype=torch.bfloat16)
    assert half.policy(sizes(LARGE)).name == "all"
    assert MemoryPlan(CPU, torch.float32, free=free).policy(sizes(LARGE)).name != "all"


def test_the_processor_decides_and_full_precision_is_obeyed():
    assert quick_type() in (None, torch.bfloat16)
    assert pick_device("cpu").dtype == torch.float32
    assert pick_device("cpu", half=False).large_dtype is None


@pytest.mark.parametrize("n, m", [(1, 1), (64, 77), (300, 300), (1100, 1100)])
@pytest.mark.parametrize("dtype, most", [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_attention_in_blocks_is_attention(n, m, dtype, most):
    generator = torch.Generator().manual_seed(n)
    q = torch.randn(2, n, 60, generator=generator)
    k, v = torch.randn(2, 2, m, 60, generator=generator)
    exact = attend(q.double(), k.double(), v.double(), 3, "matmul")
    found = attend(q.to(dtype), k.to(dtype), v.to(dtype), 3, "blocks")
    assert found.dtype == dtype
    assert (found - exact).norm() <= most * exact.norm()


def quickened(policy):
    network = random_network(UNet(UNET), 7)
    policy.settle(network)
    quicken(network, policy)
    return network


def answer(network, policy):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn((2, 4, 10, 6), generator=generator)
    context = torch.randn((2, 3, 16), generator=generator)
    with torch.no_grad(), policy.resident(network):
        return network(x, torch.tensor([500.0, 20.0]), context).float()


def test_what_is_quickened_says_about_the_same():
    exact = AllOnDevice(CPU, torch.float32)
    faithful = answer(quickened(exact), exact)
    for kind in (AllOnDevice, OneAtATime):
        policy = kind(CPU, torch.bfloat16)
        found = answer(quickened(policy), policy)
        assert 0 < (found - faithful).norm() < 0.03 * faithful.norm()


def test_nothing_else_is_touched():
    network = quickened(AllOnDevice(CPU, torch.float32))
    assert {one.kernel for one in network.modules() if hasattr(one, "kernel")} == {"sdpa"}
    assert network.input_blocks[0][0].weight.is_contiguous()


@pytest.mark.parametrize("half", [True, False])
def test_a_picture_comes_out_of_a_quickened_model(tmp_path, half):
    path = write_model(tmp_path / "own.safetensors")
    exact = load_model(path).decode_latent(torch.ones(1, 4, 6, 4))
    model = load_model(path, plan=MemoryPlan(CPU, torch.bfloat16, half_vae=half))
    assert model.unet.dtype == torch.bfloat16
    assert model.autoencoder.dtype == (torch.bfloat16 if half else torch.float32)
    found = model.decode_latent(torch.ones(1, 4, 6, 4))
    assert torch.equal(found, exact) is not half
    assert (found - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_group_norm_of_bfloat16_is_float32s_rounded(layout):
    x = 3 * torch.randn(2, 32, 20, 20, generator=torch.Generator().manual_seed(1)) + 1
    x = x.bfloat16().contiguous(memory_format=layout)
    norm = GroupNorm(4, 32).bfloat16()
    with torch.no_grad():
        found, exact = norm(x), norm.float()(x.float())
    assert found.dtype == torch.bfloat16
    assert (found != exact.bfloat16()).float().mean() < 0.001
    assert torch.allclose(found.float(), exact, rtol=0.01, atol=0.01)


@pytest.mark.slow
def test_pictures_can_hardly_be_told_apart():
    assert min(likenesses(MODES["bfloat16"], pictures=2, steps=6)) > 30, "decibels"


def bfloat16_layer(layer, *shape):
    torch.manual_seed(3)
    layer = layer.bfloat16().to(memory_format=torch.channels_last)
    return layer, torch.randn(shape).bfloat16()


def exact(work, layer, x):
    return work(layer.double(), x.double())


def relative(found, right):
    return ((found.double() - right).norm() / right.norm()).item()


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_is_added_within_the_product_and_changes_nothing(bias):
    layer, x = bfloat16_layer(Linear(24, 40, bias=bias), 2, 5, 24)
    with torch.no_grad():
        assert layer(x).equal(torch.nn.functional.linear(x, layer.weight, layer.bias))
    assert layer(x).requires_grad, "a layer that learns is torch's own"


def test_a_gate_within_the_product_is_no_less_exact_than_after_it():
    layer, x = bfloat16_layer(GEGLU(32, 48), 2, 7, 32)
    with torch.no_grad():
        fused = layer(x)
        layer.proj.register_forward_hook(lambda *_: None)  # somebody listens: one by one
        plain = layer(x)
        right = exact(lambda net, y: net(y), layer, x)
    assert relative(fused, right) <= 1.1 * relative(plain, right) < 0.01


@pytest.mark.parametrize("shape", [(2, 8, 6), (1, 16, 16)])
def test_a_convolution_of_a_small_map_is_a_convolution(shape, monkeypatch):
    batch, height, width = shape
    layer, x = bfloat16_layer(Conv2d(20, 12, 3, padding=1), batch, 20, height, width)
    with torch.no_grad():
        usual = layer(x)
        monkeypatch.setattr("modules.model.networks.processor.LARGE_WEIGHTS", 1)
        found = layer(x)
        right = exact(lambda net, y: net(y), layer, x)
    assert found.shape == usual.shape
    assert relative(found, right) <= 1.1 * relative(usual, right) < 0.01


def test_a_convolution_that_wraps_or_shrinks_is_left_to_the_library(monkeypatch):
    monkeypatch.setattr("modules.model.networks.processor.LARGE_WEIGHTS", 1)
    for kind in ({"padding": 1, "padding_mode": "circular"}, {"padding": 1, "stride": 2}, {}):
        layer, x = bfloat16_layer(Conv2d(4, 4, 3, **kind), 1, 4, 8, 8)
        with torch.no_grad():
            own = torch.nn.Conv2d(4, 4, 3, **kind).bfloat16()
            own.load_state_dict(layer.state_dict())
            assert relative(layer(x), own(x).double()) < 0.01
