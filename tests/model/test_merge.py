"""Merging: the arithmetic of every method, and what the result says about itself."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.errors import InvalidRequest, ModelError
from modules.model.loader import load_model
from modules.model.merge import Merge, merge
from tests.model.tiny import tensors, write_model


def shifted(by):
    return {name: tensor + by for name, tensor in tensors().items()}


@pytest.fixture
def files(tmp_path):
    write_model(tmp_path / "a.safetensors")
    for name, by in (("b", 1.0), ("c", 0.25)):
        save_file(shifted(by), tmp_path / f"{name}.safetensors")
    return tmp_path


def merged(files, **wish):
    paths = {name: files / f"{name}.safetensors" for name in "abc"}
    result = merge(Merge(**{**paths, "output": files / "out.safetensors", **wish}))
    return load_file(result.path), result


def test_weighted_sum_is_between_the_two(files):
    found, _ = merged(files, multiplier=0.3)
    for name, tensor in tensors().items():
        assert torch.allclose(found[name], tensor + 0.3, atol=1e-6)


def test_add_difference_adds_what_b_has_over_c(files):
    found, _ = merged(files, method="add difference", multiplier=0.5)
    for name, tensor in tensors().items():
        assert torch.allclose(found[name], tensor + 0.375, atol=1e-6)


def test_no_interpolation_copies_and_may_change_the_type(files):
    found, _ = merged(files, method="no interpolation", b=None, dtype="fp16")
    assert all(torch.equal(found[name], tensor.half()) for name, tensor in tensors().items())


def test_blocks_have_multipliers_of_their_own(files):
    # base, four input blocks, middle, four output blocks
    weights = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    found, _ = merged(files, blocks=weights)
    original = tensors()

    def share(start):
        name = next(name for name in original if name.startswith(start))
        return float((found[name] - original[name]).mean())

    unet = "model.diffusion_model."
    assert share("first_stage_model.") == pytest.approx(0, abs=1e-5)
    assert share(f"{unet}time_embed.") == pytest.approx(0, abs=1e-5)
    assert share(f"{unet}input_blocks.3.") == pytest.approx(0.4, abs=1e-5)
    assert share(f"{unet}middle_block.1.") == pytest.approx(0.5, abs=1e-5)
    assert share(f"{unet}output_blocks.0.") == pytest.approx(0.6, abs=1e-5)
    with pytest.raises(InvalidRequest, match="this model has 10"):
        merged(files, blocks=(0.5,) * 25, overwrite=True)


def test_the_result_draws_and_tells_how_it_was_made(files):
    merged(files, multiplier=0.1, dtype="bf16")
    assert load_model(files / "out.safetensors").native_size == (32, 48)
    with safe_open(files / "out.safetensors", "pt") as file:
        metadata = file.metadata()
    told = json.loads(metadata["sd_merge_recipe"])
    assert (told["interp_method"], told["multiplier"]) == ("Weighted sum", 0.1)
    assert told["primary_model_hash"] in json.loads(metadata["sd_merge_models"])


def test_a_vae_is_baked_in_and_names_can_be_left_out(files):
    vae = {k: v * 2 for k, v in tensors().items() if k.startswith("first_stage_model.")}
    save_file(
        {k.removeprefix("first_stage_model."): v for k, v in vae.items()}, files / "v.safetensors"
    )
    found, _ = merged(
        files, method="no interpolation", vae=files / "v.safetensors", discard=r"^cond_stage_model"
    )
    assert all(torch.equal(found[name], tensor) for name, tensor in vae.items())
    assert not any(name.startswith("cond_stage_model") for name in found)


def test_models_for_inpainting_keep_their_own_channels(files):
    name = "model.diffusion_model.input_blocks.0.0.weight"
    wide = torch.cat([tensors()[name], torch.full((8, 5, 3, 3), 7.0)], dim=1)
    save_file(tensors() | {name: wide}, files / "a.safetensors")
    found, result = merged(files, multiplier=1.0)
    assert torch.allclose(found[name][:, :4], tensors()[name] + 1, atol=1e-6)
    assert torch.equal(found[name][:, 4:], wide[:, 4:])
    assert "other shapes" in result.notices[0]


@pytest.mark.parametrize(
    "wish",
    [
        {"method": "guess"},
        {"b": None},
        {"method": "add difference", "c": None},
        {"dtype": "int3"},
        {"discard": "("},
        {"output": "x.ckpt"},
    ],
)
def test_wishes_that_cannot_be_meant_are_refused(files, wish):
    if "output" in wish:
        wish["output"] = files / wish["output"]
    with pytest.raises(InvalidRequest):
        merged(files, **wish)


def test_nothing_is_replaced_unless_asked_and_nothing_half_written_stays(files):
    (files / "out.safetensors").write_bytes(b"old")
    with pytest.raises(ModelError, match="exists already"):
        merged(files)
    save_file(
        {**shifted(1.0), "model.diffusion_model.out.2.bias": torch.zeros(3)},
        files / "b.safetensors",
    )
    with pytest.raises(ModelError, match="one family"):
        merged(files, overwrite=True)
    assert (files / "out.safetensors").read_bytes() == b"old"
    assert sorted(path.name for path in files.iterdir()) == [
        "a.safetensors",
        "b.safetensors",
        "c.safetensors",
        "out.safetensors",
    ]
