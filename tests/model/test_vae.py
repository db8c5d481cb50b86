"""VAEs of other files, in every layout; NaN is answered; memory decides on tiles."""

import pytest
import torch
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.loader import load_model
from modules.model.networks.autoencoder import Autoencoder
from modules.model.residency import AllOnDevice
from modules.model.vae import PictureCoding, VaeFile, load_vae, working_bytes
from tests.model.tiny import AUTOENCODER, random_network, write_model


def other() -> dict[str, torch.Tensor]:
    return dict(random_network(Autoencoder(AUTOENCODER), 9).state_dict())


def in_diffusers_names() -> dict[str, torch.Tensor]:
    """Found by asking the table for every name it may know."""
    own = other()
    modules = {name.rpartition(".")[0] for name in own}
    table = autoencoder_names(2)
    theirs = {ours: name for name, ours in table.items() if "query" not in name}
    theirs |= {ours: name for name, ours in table.items() if ".to_" in name}
    found = {}
    for name, tensor in own.items():
        module, _, leaf = name.rpartition(".")
        head = module
        while head not in theirs:
            head = head.rpartition(".")[0]
        found[theirs[head] + module.removeprefix(head) + f".{leaf}"] = tensor
    assert modules
    assert all(original_name(name, table) is not None for name in found)
    return found


LAYOUTS = {
    "bare": other,
    "in a checkpoint": lambda: {
        f"first_stage_model.{name}": tensor for name, tensor in other().items()
    },
    "with its training": lambda: other() | {"loss.x": torch.zeros(3), "model_ema.y": torch.ones(1)},
    "diffusers": in_diffusers_names,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_every_layout_gives_the_same_autoencoder(tmp_path, layout, suffix):
    path, tensors = tmp_path / f"vae{suffix}", LAYOUTS[layout]()
    if suffix == ".pt":
        torch.save({"state_dict": tensors}, path)
    else:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    loaded = load_vae(path, AUTOENCODER).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in other().items())


def test_a_file_without_a_vae_is_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "no.safetensors")
    with pytest.raises(ModelError, match="holds no VAE"):
        load_vae(tmp_path / "no.safetensors", AUTOENCODER)


def test_a_model_draws_with_another_vae_and_goes_back(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors"))
    save_file(other(), tmp_path / "vae.safetensors")
    z = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    before = model.decode_latent(z)
    model.use_vae(VaeFile(tmp_path / "vae.safetensors", (1, 1), lambda: "ab" * 32))
    assert dict(model.vae_facts) == {"VAE hash": "ababababab", "VAE": "vae.safetensors"}
    expected = random_network(Autoencoder(AUTOENCODER), 9).decode(z / model.scale_factor)
    assert torch.allclose(model.decode_latent(z), expected, atol=1e-6)
    model.use_vae(None)
    assert torch.equal(model.decode_latent(z), before)
    assert dict(model.vae_facts) == {"VAE": None}


Z = torch.full((1, 4, 4, 4), 6e7)
"""Overflows in half precision."""


@pytest.mark.parametrize("wider", [torch.float32, torch.bfloat16])
def test_nothing_but_nan_is_answered_with_a_wider_type(wider):
    network = random_network(Autoencoder(AUTOENCODER), 9).half()
    coding, policy = PictureCoding(widen_to=wider), AllOnDevice(dtype=torch.float16)
    assert coding.decode(network, Z, policy, "x").isfinite().any()
    assert network.dtype == wider


def test_nan_without_an_answer_is_an_error_and_not_a_black_picture():
    network = random_network(Autoencoder(AUTOENCODER), 9).half()
    with pytest.raises(ModelError, match="nothing but NaN"):
        PictureCoding(widen_to=None).decode(network, Z, AllOnDevice(dtype=torch.float16), "x")


def test_little_memory_means_tiles_and_a_notice(monkeypatch):
    network, coding = random_network(Autoencoder(AUTOENCODER), 9), PictureCoding()
    z = torch.randn(1, 4, 80, 80, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = coding.decode(network, z, AllOnDevice(), "x")
        assert not coding.notices
        few = working_bytes(AUTOENCODER, 80 * 80) - 1
        monkeypatch.setattr("modules.model.vae.free_bytes", lambda device: few)
        tiled = coding.decode(network, z, AllOnDevice(), "x")
    assert len(coding.notices) == 1
    assert tiled.shape == whole.shape
    assert not torch.equal(tiled, whole)


def test_the_vae_alone_may_compute_in_32_bits(tmp_path):
    from modules.model.memory import MemoryPlan

    plan = MemoryPlan(torch.device("cpu"), torch.bfloat16, half_vae=False)
    model = load_model(write_model(tmp_path / "own.safetensors"), plan=plan)
    assert (model.unet.dtype, model.autoencoder.dtype) == (torch.bfloat16, torch.float32)
