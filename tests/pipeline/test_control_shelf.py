"""Networks for control in memory: which are kept, and when they go."""

import gc
import os
from weakref import ref

import pytest
import torch

from modules.errors import ModelError
from modules.model.loader import load_model
from modules.model.memory import MemoryPlan
from modules.pipeline import control_shelf
from modules.pipeline.control_shelf import ControlShelf
from tests.model import tiny_checkpoints
from tests.model.control_checkpoints import (
    encoder_tensors,
    flat,
    ip_adapter_tensors,
    save,
    write_controlnet,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny checkpoint."""
    return tiny_checkpoints.write("sd1", tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def model(checkpoint):
    """A model of its own for every test."""
    return load_model(checkpoint)


@pytest.fixture
def shelf(tmp_path):
    """A shelf of two, with three networks to choose from."""
    for name in ("one", "two", "three"):
        write_controlnet(tmp_path, name=name)
    return ControlShelf([tmp_path], tmp_path / "clip_vision", kept=2)


def test_the_networks_used_last_stay(shelf, model):
    one, two = shelf.find("one", model), shelf.find("two", model)
    assert shelf.find("one", model) is one
    shelf.find("three", model)  # the second has waited longest
    assert shelf.find("one", model) is one
    assert shelf.find("two", model) is not two


def test_a_file_that_changed_is_read_again(shelf, model, tmp_path):
    one = shelf.find("one", model)
    os.utime(tmp_path / "one.safetensors", ns=(1, 1))
    assert shelf.find("one", model) is not one


def test_another_model_gets_a_network_of_its_own(shelf, model, checkpoint):
    one = shelf.find("one", model)
    assert shelf.find("one", load_model(checkpoint)) is not one


def test_a_model_that_is_dropped_is_not_kept_alive(shelf, checkpoint):
    model = load_model(checkpoint)
    shelf.find("one", model)
    gone = ref(model)
    del model
    gc.collect()
    assert gone() is None
    shelf.find("two", load_model(checkpoint))


def test_what_has_no_room_beside_the_model_says_how_much_it_needs(shelf, model, monkeypatch):
    monkeypatch.setattr(control_shelf, "free_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match="one needs"):
        shelf.find("one", model)


def test_a_model_that_comes_and_goes_leaves_room(shelf, checkpoint, monkeypatch):
    monkeypatch.setattr(control_shelf, "free_bytes", lambda device: 1000)
    plan = MemoryPlan(torch.device("cpu"), torch.float32, hint="one")
    assert shelf.find("one", load_model(checkpoint, plan=plan)).numbers > 1000


def test_an_encoder_is_found_by_its_channels_and_kept(shelf, model, tmp_path):
    unet = model.unet.config
    save(tmp_path, "plain", flat(ip_adapter_tensors(unet, "plain", seen=32)))
    save(tmp_path, "plus", flat(ip_adapter_tensors(unet, "plus", seen=128)))
    encoders = tmp_path / "clip_vision"
    save(encoders, "a-wrong", encoder_tensors(64, 48))
    save(encoders, "b-right", encoder_tensors(128, 32))
    plain = shelf.encoder_for(shelf.find("plain", model))
    assert shelf.encoder_for(shelf.find("plus", model)) is plain
    assert plain.visual_projection.out_features == 32


def test_files_that_are_no_encoders_are_named_only_where_the_right_one_is_missing(
    shelf, model, tmp_path
):
    save(tmp_path, "plain", flat(ip_adapter_tensors(model.unet.config, "plain", seen=32)))
    save(tmp_path / "clip_vision", "a-half", {"vision_model.x": torch.zeros(1)})
    plain = shelf.find("plain", model)
    with pytest.raises(ModelError, match=r"32 channels, which is not there.+a-half"):
        shelf.encoder_for(plain)
    save(tmp_path / "clip_vision", "b-right", encoder_tensors(128, 32))
    assert shelf.encoder_for(plain).visual_projection.out_features == 32
