"""The whole evaluation, on an untrained model of a few seconds."""

import json
from collections import Counter

import pytest
import torch

from modules.errors import NotFound
from modules.model.networks.autoencoder import Autoencoder
from modules.training.evaluation.evaluate import Evaluation, evaluate, held_out_set
from modules.training.export import export
from modules.training.painter_stage import Painter
from modules.training.recipe import Recipe
from modules.training.vocabulary import world_vocabulary
from modules.training.world.scene import SIMPLE, WIDE

RECIPE = Recipe(
    size=32, channel_mult=(1, 1), model_channels=16, unet_mult=(1,), text_width=64, text_layers=1
)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    painter = Painter(RECIPE.unet, RECIPE.text).state_dict()
    autoencoder = Autoencoder(RECIPE.autoencoder).state_dict()
    file = tmp_path / "untrained.safetensors"
    export(file, RECIPE, painter, autoencoder, world_vocabulary(), {})
    return file


def test_captions_for_evaluation_come_from_held_out_scenes_only():
    chosen = held_out_set(SIMPLE, 50)
    assert len(chosen) == 110
    assert all(scene.held_out for scene, _ in chosen)
    assert chosen == held_out_set(SIMPLE, 50)


def test_the_wide_world_is_measured_in_everything_it_has():
    chosen = held_out_set(WIDE, 50)
    assert Counter(len(scene.items) for scene, _ in chosen) == {1: 50, 2: 60, 3: 10, 4: 10}
    assert all(scene.held_out for scene, _ in chosen)


def test_an_unknown_world_is_named(checkpoint, tmp_path):
    with pytest.raises(NotFound, match="wide"):
        evaluate(Evaluation(checkpoint=checkpoint, state=tmp_path, world="wid"))


@pytest.mark.slow
def test_an_evaluation_has_every_row_and_writes_its_figures(checkpoint, tmp_path):
    file = tmp_path / "figures.json"
    options = Evaluation(
        checkpoint=checkpoint,
        state=tmp_path,
        count=6,
        scales=(1.0,),
        steps=2,
        processes=1,
        probe_steps=1,
        json=file,
    )
    figures = evaluate(options)
    assert figures["same_seed_same_picture"]
    assert "| object | 6 |" in figures["table"]
    saved = json.loads(file.read_text())
    assert set(saved["scores"]) == {"cap", "cap, round trip", "CFG 1", "chance"}
    assert saved["scores"]["CFG 1"]["count"]["n"] == 13
    assert "object" in saved["weak_probe_rows"]  # one step teaches a probe nothing
    assert saved["img2img"]["layout"]["n"] == saved["inpainting"]["outside"]["n"] == 6
    assert (tmp_path / "probe.pt").is_file()
