"""The whole training, on a model of a few seconds."""

import shutil
from dataclasses import replace

import pytest
import torch

from modules.errors import InvalidRequest, NotFound
from modules.model.loader import load_model
from modules.training.draw import studio_in_training, studio_of
from modules.training.embedded import Run, train_embedded
from modules.training.painter_stage import Painter
from modules.training.recipe import Recipe
from modules.training.vocabulary import world_vocabulary

TINY = Recipe(
    size=32,
    channel_mult=(1, 1),
    model_channels=16,
    unet_mult=(1, 2),
    text_width=64,
    text_layers=2,
    latents=64,
    autoencoder_steps=20,
    autoencoder_batch=2,
    text_steps=20,
    text_batch=4,
    unet_steps=20,
    unet_batch=4,
    decoder_steps=10,
)


def a_run(folder, **changes):
    return replace(
        Run(
            out=folder / "model.safetensors",
            state=folder / "state",
            recipe=TINY,
            processes=1,
            sheets=False,
        ),
        **changes,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained in one go."""
    folder = tmp_path_factory.mktemp("trained")
    train_embedded(a_run(folder))
    return folder


def test_every_stage_goes_on_after_a_stop_as_if_there_had_been_none(trained, tmp_path):
    for _ in range(8):  # time is always up: every call makes ten steps of one stage
        train_embedded(a_run(tmp_path, deadline=0))
    train_embedded(a_run(tmp_path))
    for name in ("autoencoder", "text", "unet"):
        whole = torch.load(trained / "state" / f"{name}.pt", weights_only=True)
        pieces = torch.load(tmp_path / "state" / f"{name}.pt", weights_only=True)
        assert whole["step"] == pieces["step"] == 20
        for key, tensor in whole["network"].items():
            assert tensor.equal(pieces["network"][key]), (name, key)
    assert (trained / "model.safetensors").read_bytes() == (
        tmp_path / "model.safetensors"
    ).read_bytes()


def test_the_exported_file_is_a_checkpoint_that_loads_and_draws_the_same(trained):
    model = load_model(trained / "model.safetensors")
    assert model.native_size == (32, 32)
    assert model.downsample == 2
    assert len(model.preview_factors) == 5
    assert "a red ball on the grass in daylight" in model.examples
    state = torch.load(trained / "state" / "unet.pt", weights_only=True)
    painter = Painter(TINY.unet, TINY.text)
    painter.load_state_dict({**state["network"], **state["average"]})
    painter.half().float()  # the file holds half precision
    small = studio_in_training(painter, model.autoencoder, world_vocabulary(), 16)
    prompts = ["a red ball on a white background", "zebra"]
    drawn = studio_of(model).draw(prompts, [1, 2], steps=3)
    again = small.draw(prompts, [1, 2], steps=3)
    assert (drawn - again).abs().max() < 0.05


def test_the_encoder_stays_as_it_was_while_the_decoder_learns_on(trained):
    frozen = torch.load(trained / "state" / "autoencoder-frozen.pt", weights_only=True)
    later = torch.load(trained / "state" / "decoder.pt", weights_only=True)["average"]
    assert {name.split(".")[0] for name in later} == {"decoder", "post_quant_conv"}
    assert not frozen["decoder.conv_out.weight"].equal(later["decoder.conv_out.weight"])


def test_a_finished_training_is_not_repeated(trained):
    before = (trained / "state" / "unet.pt").stat().st_mtime_ns
    train_embedded(a_run(trained))
    assert (trained / "state" / "unet.pt").stat().st_mtime_ns == before


def test_questions_can_be_asked_later_and_dropped_again(trained, tmp_path):
    for name in ("state", "model.safetensors"):
        source = trained / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    asked = replace(TINY, unet_steps=22, answers_weight=0.1)
    train_embedded(a_run(tmp_path, recipe=asked, stages=("unet", "export")))
    state = torch.load(tmp_path / "state" / "unet.pt", weights_only=True)
    assert state["step"] == 22 and "answers.weight" in state["network"]
    assert load_model(tmp_path / "model.safetensors").native_size == (32, 32)
    train_embedded(a_run(tmp_path, recipe=replace(TINY, unet_steps=24), stages=("unet",)))
    state = torch.load(tmp_path / "state" / "unet.pt", weights_only=True)
    assert state["step"] == 24 and "answers.weight" not in state["network"]


def test_an_unknown_stage_is_named(tmp_path):
    with pytest.raises(NotFound, match="autoencoder"):
        train_embedded(a_run(tmp_path, stages=("autoencodr",)))


def test_an_unknown_world_is_named(tmp_path):
    with pytest.raises(NotFound, match="wide"):
        train_embedded(a_run(tmp_path, recipe=replace(TINY, worlds=("wid",))))


def test_several_processes_are_refused_on_a_gpu(tmp_path):
    with pytest.raises(InvalidRequest):
        train_embedded(a_run(tmp_path, device="cuda", processes=2))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(trained, tmp_path):
    train_embedded(a_run(tmp_path, processes=2, stages=("autoencoder",)))
    one = torch.load(trained / "state" / "autoencoder.pt", weights_only=True)["network"]
    two = torch.load(tmp_path / "state" / "autoencoder.pt", weights_only=True)["network"]
    gap = max((one[key] - two[key]).abs().max().item() for key in one)
    assert gap < 0.1
