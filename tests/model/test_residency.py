"""Policies move networks about; what is computed stays the same."""

import pytest
import torch
from torch import nn

from modules.model.networks.packed_linear import PackedLinear
from modules.model.networks.unet import UNet
from modules.model.packing import E4M3, Packed
from modules.model.residency import AllOnDevice, LayerByLayer, OneAtATime
from tests.model.tiny import UNET, random_network

CPU = torch.device("cpu")


def stored_in_half() -> UNet:
    """A network as a file of half precision has it."""
    return random_network(UNet(UNET), 7).to(torch.float16)


def answer(network):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn((1, 4, 8, 8), generator=generator)
    context = torch.randn((1, 3, 16), generator=generator)
    with torch.no_grad():
        return network(x, torch.tensor([500.0]), context)


POLICIES = {
    "all": lambda: AllOnDevice(CPU, torch.float32),
    "one": lambda: OneAtATime(CPU, torch.float32),
    "layers": lambda: LayerByLayer(CPU, torch.float32, streamed_from=256),
}


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_changes_what_is_computed(name):
    policy, network = POLICIES[name](), stored_in_half()
    policy.settle(network)
    expected = answer(stored_in_half().float())
    for _ in range(2):
        with policy.resident(network):
            assert torch.equal(answer(network), expected)


def stored(network):
    return {parameter.dtype for parameter in network.parameters()}


def test_one_at_a_time_sends_the_other_one_home():
    policy, first, second = POLICIES["one"](), stored_in_half(), stored_in_half()
    with policy.resident(first):
        pass
    assert stored(first) == {torch.float32}, "it stays until somebody needs the room"
    with policy.resident(second):
        assert (stored(first), stored(second)) == ({torch.float16}, {torch.float32})
        with policy.resident(first):
            assert stored(second) == {torch.float16}
        assert stored(second) == {torch.float32}, "the outer block goes on"


def test_layer_by_layer_leaves_large_weights_at_home_between_calls():
    policy, network = POLICIES["layers"](), stored_in_half()
    seen = set()
    layer = network.middle_block[0].in_layers[2]
    layer.register_forward_hook(lambda module, *_: seen.add(module.weight.dtype))
    with policy.resident(network):
        answer(network)
        assert layer.weight.dtype == torch.float16
        assert network.out[0].weight.dtype == torch.float32
    assert stored(network) == {torch.float16}


def test_a_failing_layer_leaves_nothing_on_the_device():
    policy, network = POLICIES["layers"](), stored_in_half()

    def fail(*_):
        raise MemoryError

    hook = network.middle_block[0].in_layers[2].register_forward_pre_hook(fail)
    with pytest.raises(MemoryError), policy.resident(network):
        answer(network)
    hook.remove()
    assert stored(network) == {torch.float16}
    with policy.resident(network):
        assert torch.equal(answer(network), answer(stored_in_half().float()))


@pytest.mark.parametrize("name", ["one", "layers"])
def test_what_is_written_during_a_visit_is_kept_unrounded(name):
    policy, network = POLICIES[name](), stored_in_half()
    weight = network.out[0].weight
    with policy.resident(network), torch.no_grad():
        weight.copy_(torch.full_like(weight, 1 / 3))
    with policy.resident(nn.Linear(1, 1)):
        assert weight.dtype == torch.float32
    with policy.resident(network):
        assert torch.equal(weight, torch.full_like(weight, 1 / 3))


@pytest.mark.parametrize("name", POLICIES)
def test_a_network_can_be_told_to_compute_in_another_type(name):
    policy, network = POLICIES[name](), stored_in_half()
    policy.settle(network)
    with policy.resident(network):
        policy.compute_in(network, torch.float64)
    with policy.resident(network):
        assert network.out[0].weight.dtype == torch.float64


def test_a_mapped_file_is_only_read(tmp_path):
    from safetensors.torch import save_file

    from modules.model.files import read_weights

    path = tmp_path / "m.safetensors"
    save_file({"w": torch.arange(64, dtype=torch.float16)}, path)
    before = path.read_bytes()
    with read_weights(path, map_from=0) as weights:
        tensor = weights["w"]
    tensor.zero_()
    assert path.read_bytes() == before
    path.unlink()
    assert tensor.sum() == 0


class TwoPacked(nn.Module):
    """A large and a small layer with packed weights, their scales in half precision."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        for name, rows in (("large", 32), ("small", 4)):
            weights = torch.randn((rows, 32), generator=generator).to(torch.float8_e4m3fn)
            packed = Packed(E4M3, (rows, 32), weights.view(torch.uint8).flatten())
            scale = torch.tensor(0.5, dtype=torch.float16)
            self.add_module(name, PackedLinear(packed, torch.ones(rows).half(), scale))

    def forward(self, x):
        return self.small(self.large(x))


def test_packed_layers_come_and_go_layer_by_layer_too():
    policy, network = POLICIES["layers"](), TwoPacked()
    x = torch.randn(2, 32, generator=torch.Generator().manual_seed(3))
    expected, seen = network(x), []
    network.large.register_forward_hook(lambda *_: seen.append(network.large.scale.dtype))
    with policy.resident(network):
        assert network.small.scale.dtype == torch.float32, "it stays for the whole block"
        assert network.large.scale.dtype == torch.float16
        assert torch.equal(network(x), expected)
        assert network.large.scale.dtype == torch.float16
    assert seen == [torch.float32], "it was there for its own moment"
    assert stored(network) == {torch.uint8, torch.float16}
