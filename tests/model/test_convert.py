"""Conversions give back the very same tensors; diffusers understands the folders."""

import pytest
import torch
from safetensors.torch import load_file

from modules.errors import InvalidRequest, ModelError
from modules.model.convert import Conversion, convert
from modules.model.loader import load_model, open_model
from tests.model.tiny import tensors, write_model
from tests.model.tiny_checkpoints import write


def same(left, right):
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor.reshape(right[name].shape), right[name]), name


def content(path):
    with open_model(path) as weights:
        return {name: weights[name] for name in weights}


def test_a_pytorch_checkpoint_becomes_safetensors(tmp_path):
    extra = {"model_ema.x": torch.ones(2), "model_ema.decay": torch.tensor(1)}
    torch.save({"state_dict": tensors() | extra, "epoch": 3}, tmp_path / "m.ckpt")
    count = convert(Conversion(source=tmp_path / "m.ckpt", target=tmp_path / "m.safetensors"))
    assert count == len(tensors())
    same(load_file(tmp_path / "m.safetensors"), tensors())


def test_types_change_if_asked(tmp_path):
    source = write_model(tmp_path / "m.safetensors")
    convert(Conversion(source=source, target=tmp_path / "half.safetensors", dtype="bf16"))
    found = load_file(tmp_path / "half.safetensors")
    same(found, {name: tensor.bfloat16() for name, tensor in tensors().items()})
    assert load_model(tmp_path / "half.safetensors").native_size == (32, 48), "facts are kept"


@pytest.mark.parametrize("name", ["sd1", "sd1-inpainting", "sd2-velocity", "sdxl-refiner"])
def test_to_a_folder_and_back_gives_the_same_model(tmp_path, name):
    source = write(name, tmp_path)
    convert(Conversion(source=source, target=tmp_path / "folder"))
    there = load_model(tmp_path / "folder")
    here = load_model(source)
    for ours, theirs in zip(here.networks, there.networks, strict=True):
        same(dict(ours.state_dict()), dict(theirs.state_dict()))
    assert there.prediction == here.prediction
    assert there.scale_factor == here.scale_factor
    assert torch.equal(there.alphas_cumprod, here.alphas_cumprod)
    convert(Conversion(source=tmp_path / "folder", target=tmp_path / "back.safetensors"))
    source.with_suffix(".yaml").rename(tmp_path / "back.yaml")
    back = load_model(tmp_path / "back.safetensors")
    assert back.family == here.family
    for ours, theirs in zip(here.networks, back.networks, strict=True):
        same(dict(ours.state_dict()), dict(theirs.state_dict()))


def test_diffusers_reads_the_folder_and_computes_the_same(tmp_path):
    from diffusers import AutoencoderKL, UNet2DConditionModel

    source = write("sd1", tmp_path)
    convert(Conversion(source=source, target=tmp_path / "folder"))
    model = load_model(source)
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "folder" / "unet")
    x, context = torch.randn(1, 4, 16, 16), torch.randn(1, 7, 64)
    with torch.no_grad():
        theirs = unet(x, torch.tensor([10.0]), context).sample
        ours = model.unet(x, torch.tensor([10.0]), context)
        assert torch.allclose(ours, theirs, atol=1e-4)
        vae = AutoencoderKL.from_pretrained(tmp_path / "folder" / "vae")
        assert torch.allclose(model.autoencoder.decode(x), vae.decode(x).sample, atol=1e-4)


def test_what_cannot_be_meant_is_refused(tmp_path):
    source = write_model(tmp_path / "m.safetensors")
    for target in (source, tmp_path / "m.ckpt"):
        with pytest.raises(InvalidRequest):
            convert(Conversion(source=source, target=target))
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelError, match="exists already"):
        convert(Conversion(source=source, target=tmp_path / "there"))
