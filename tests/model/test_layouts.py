"""Models go from one file to a folder and back without a tensor changing."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.errors import ModelError
from modules.model.diffusers_folder import open_folder
from modules.model.files import read_weights
from modules.model.layouts import folder_configs, in_folders, in_single_file
from modules.model.loader import load_model
from tests.model.tiny_checkpoints import MODELS, write

LEFT_OUT = ("depth_model.", "v_pred", "ztsnr")
UNUSED = ("logit_scale", "cond_stage_model.model.text_projection")


def as_folder(path, folder):
    """The model at `path` as a diffusers folder."""
    model = load_model(path)
    for name, config in folder_configs(model.family, model.architecture, path.name).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(config))
    with read_weights(path) as weights:
        for part, own in in_folders(weights, model.family, model.architecture).items():
            tensors = {name: tensor.contiguous() for name, tensor in own.items()}
            assert {name: tuple(t.shape) for name, t in tensors.items()} == own.shapes
            stem = "model" if part.startswith("text") else "diffusion_pytorch_model"
            save_file(tensors, folder / part / f"{stem}.safetensors")
    return model


WITHOUT_FOLDERS = ("unclip", "sd2-turbo")
QUICK = ("lcm", "depth2img", "sdxl-velocity", "sdxl-refiner")
"""Among these is every difference that the layouts make."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in MODELS
        if name not in WITHOUT_FOLDERS
    ],
)
def test_to_a_folder_and_back_nothing_changes(tmp_path, name):
    path, folder = write(name, tmp_path), tmp_path / "folder"
    model = as_folder(path, folder)
    again = load_model(folder)
    texts = tuple(replace(text, heads=None) for text in again.architecture.texts)
    assert again.family.name == model.family.name
    assert replace(again.architecture, texts=texts) == model.architecture
    with open_folder(folder) as weights:
        single = in_single_file(weights, model.family)
        back = {key: single[key] for key in single}
        assert {key: tuple(tensor.shape) for key, tensor in back.items()} == single.shapes
    original = load_file(path)
    for key, tensor in original.items():
        if key.startswith(LEFT_OUT) or key.endswith(UNUSED):
            continue
        if MODELS[name].family == "sd2" and ".resblocks.2." in key:
            assert back[key].abs().max() == 0, "the layer that nothing uses"
        else:
            assert torch.equal(back[key].reshape(tensor.shape), tensor), key
    assert set(back) <= set(original)


@pytest.mark.parametrize(
    "name",
    [
        *("sd2", "sdxl-refiner"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("sd1", "sdxl")),
    ],
)
def test_one_file_under_diffusers_names_gives_the_same_model(tmp_path, name):
    path = write(name, tmp_path)
    model = load_model(path)
    with read_weights(path) as weights:
        parts = in_folders(weights, model.family, model.architecture)
        tensors = {
            f"{folder}.{key}": tensor.contiguous()
            for folder, own in parts.items()
            for key, tensor in own.items()
        }
    save_file(tensors, tmp_path / "again.safetensors")
    path.with_suffix(".yaml").rename(tmp_path / "again.yaml")
    again = load_model(tmp_path / "again.safetensors")
    assert again.family == model.family
    for part in ("unet", "autoencoder", "text_encoders"):
        ours, theirs = (getattr(one, part).state_dict() for one in (model, again))
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())


def test_a_family_without_folders_is_refused_by_name(tmp_path):
    model = load_model(write("unclip", tmp_path))
    with pytest.raises(ModelError, match="unCLIP"):
        folder_configs(model.family, model.architecture, "unclip.safetensors")
