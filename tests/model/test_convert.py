"""Conversions give back the very same tensors; diffusers understands the folders."""

import pytest
import torch
from safetensors.torch import load_file

from modules.errors import InvalidRequest, ModelError
from modules.model.convert import Conversion, convert
from modules.model.loader import load_model, open_model
from tests.model import word_checkpoints
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


@pytest.mark.parametrize("name", word_checkpoints.PARTS)
def test_families_that_read_words_go_to_a_folder_and_back_unchanged(tmp_path, name):
    source, folder = word_checkpoints.write(name, tmp_path), tmp_path / "folder"
    convert(Conversion(source=source, target=folder))
    assert load_model(folder).family.name == name.partition("-")[0]
    convert(Conversion(source=folder, target=tmp_path / "back.safetensors"))
    same(load_file(tmp_path / "back.safetensors"), load_file(source))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["sd3", "flux-dev"])
def test_diffusers_reads_the_folders_of_transformers_and_computes_the_same(tmp_path, name):
    import diffusers
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, T5EncoderModel

    source, folder = word_checkpoints.write(name, tmp_path), tmp_path / "folder"
    convert(Conversion(source=source, target=folder))
    model = load_model(source)
    torch.manual_seed(0)
    x, context, vector = torch.randn(1, 16, 4, 4), torch.randn(1, 7, 160), torch.randn(1, 88)
    t = torch.tensor([700.0])
    with torch.no_grad():
        if name == "sd3":
            theirs = diffusers.SD3Transformer2DModel.from_pretrained(folder / "transformer")
            expected = theirs(x, context, vector, t).sample
            ours = model.unet(x, t, context, vector)
            CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")
            T5EncoderModel.from_pretrained(folder / "text_encoder_3")
        else:
            theirs = diffusers.FluxTransformer2DModel.from_pretrained(folder / "transformer")
            squares = x.view(1, 16, 2, 2, 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(1, 4, 64)
            places = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]])
            scale = torch.tensor([3.5])
            expected = theirs(
                squares, context, vector[:, :64], t / 1000, places, torch.zeros(7, 3), scale
            ).sample
            expected = expected.view(1, 2, 2, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
            ours = model.unet(x, t, context, vector[:, :64], 3.5)
            CLIPTextModel.from_pretrained(folder / "text_encoder")
            T5EncoderModel.from_pretrained(folder / "text_encoder_2")
        assert (ours - expected).abs().max() < 1e-4 * expected.abs().max()
        vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
        assert torch.allclose(model.autoencoder.decode(x), vae.decode(x).sample, atol=1e-4)


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
