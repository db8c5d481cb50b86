"""The networks against the forwards of another program (see tests/golden/parity/README.md)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from modules.model.loader import Model, load_model
from modules.model.networks.unet import UNet, UNetConfig, timestep_embedding

REFERENCE = Path(__file__).parents[2] / "golden" / "parity"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(REFERENCE / "data" / "Stable-diffusion" / "tiny.safetensors")


@pytest.fixture(scope="module")
def units() -> dict[str, torch.Tensor]:
    return load_file(REFERENCE / "units" / "modules.safetensors")


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max().item()


@pytest.mark.parametrize("case", [0, 1, 2])
@torch.no_grad()
def test_unet_gives_the_reference_output(model, units, case):
    x, t = units[f"unet.{case}.x"], units[f"unet.{case}.t"]
    out = model.unet(x, t, units["unet.context"])
    assert difference(out, units[f"unet.{case}.out"]) < 1e-5


@torch.no_grad()
def test_both_attention_kernels_agree(model, units):
    plain = UNet(UNetConfig(model_channels=32, context_dim=64, attention="matmul"))
    plain.load_state_dict(model.unet.state_dict())
    out = plain(units["unet.1.x"], units["unet.1.t"], units["unet.context"])
    assert difference(out, units["unet.1.out"]) < 1e-5


@pytest.mark.parametrize("case", [0, 1, 2])
def test_latents_decode_to_the_reference_picture(model, units, case):
    picture = model.decode_latent(units[f"vae.{case}.z"])
    assert difference(picture, units[f"vae.{case}.decoded"]) < 1e-5


def test_a_picture_encodes_to_the_reference_latent(model):
    image = Image.open(REFERENCE / "data" / "inputs" / "init_96x72.png").convert("RGB")
    pixels = torch.from_numpy(np.asarray(image).astype("float32") / 255 * 2 - 1)
    latent = model.encode_image(pixels.permute(2, 0, 1)[None], torch.zeros(1, 4, 9, 12))
    reference = load_file(REFERENCE / "raw" / "i2i_unipc.safetensors")["init_latent.0"]
    assert difference(latent, reference) < 1e-5


@torch.no_grad()
def test_text_encoder_gives_every_reference_state(model, units):
    encoder = model.text_encoder
    states = encoder(encoder.embed_tokens(units["clip.ids"]))
    assert len(states) == 5
    for index, state in enumerate(states):
        assert difference(state, units[f"clip.hidden.{index}"]) < 2e-5
    assert difference(encoder.final_layer_norm(states[-1]), units["clip.last"]) < 2e-5


def test_alphas_are_those_stored_in_the_checkpoint(model):
    path = REFERENCE / "data" / "Stable-diffusion" / "tiny.safetensors"
    assert torch.equal(model.alphas_cumprod, load_file(path)["alphas_cumprod"])


def test_alphas_have_the_published_values(model):
    expected = [0.99914998, 0.99829602, 0.27633268, 0.00466010]
    assert model.alphas_cumprod[[0, 1, 500, 999]].tolist() == pytest.approx(expected, rel=1e-6)


def test_timestep_embedding_puts_cosines_first():
    embedding = timestep_embedding(torch.tensor([0.0, 2.5]), 6)
    assert embedding[0].tolist() == [1, 1, 1, 0, 0, 0]
    assert embedding[1, 0].item() == pytest.approx(np.cos(2.5))
    assert embedding[1, 3].item() == pytest.approx(np.sin(2.5))
    assert embedding[1, 4].item() == pytest.approx(np.sin(2.5 * 10000 ** (-1 / 3)), rel=1e-5)
