"""The shipped model obeys, on a sample of held-out captions; broken weights are found out."""

from pathlib import Path

import pytest
import torch

from modules.model.loader import load_model
from modules.paths import Paths
from modules.training.draw import studio_of
from modules.training.evaluation.adherence import Score, answers_to
from modules.training.evaluation.evaluate import held_out_set
from modules.training.evaluation.probe import load_probe
from modules.training.pictures import scene_pixels
from modules.training.world.scene import SIMPLE

PROBE = Path(__file__).parents[2] / "golden" / "embedded" / "probe.safetensors"
MODEL = Paths().program / "models" / "Stable-diffusion" / "easel-mini.safetensors"
LEAST = {
    "object": 0.8,
    "colour": 0.8,
    "two objects": 0.75,
    "binding": 0.6,
    "relation": 0.7,
    "count": 0.85,
    "background": 0.75,
    "sky": 0.75,
    "ground": 0.75,
}
"""Below what the whole evaluation finds by three standard errors of so small a sample or more."""


@pytest.fixture(scope="module")
def probe():
    return load_probe(PROBE)


@pytest.fixture(scope="module")
def studio():
    return studio_of(load_model(MODEL))


def score_of(studio, probe, count):
    chosen = held_out_set(SIMPLE, count)
    prompts = [text for _, text in chosen]
    pixels = studio.draw(prompts, range(len(prompts)), cfg_scale=4.0, steps=12)
    score = Score("sample")
    score.add([scene for scene, _ in chosen], answers_to(probe, pixels))
    return {row: share.value for row, share in score.shares.items()}


def test_the_small_probe_sees_true_pictures_rightly(probe):
    scenes = [scene for scene, _ in held_out_set(SIMPLE, 40)]
    score = Score("true")
    score.add(scenes, answers_to(probe, scene_pixels(scenes)))
    assert min(share.value for share in score.shares.values()) >= 0.95


@pytest.mark.slow
def test_the_shipped_model_shows_what_held_out_captions_say(studio, probe):
    found = score_of(studio, probe, 11)
    assert {row: found[row] for row in LEAST if found[row] < LEAST[row]} == {}


@pytest.mark.slow
def test_a_model_whose_weights_are_off_is_found_out(studio, probe):
    generator = torch.Generator().manual_seed(4)
    state = {name: tensor.clone() for name, tensor in studio.unet.state_dict().items()}
    with torch.no_grad():
        for parameter in studio.unet.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise * parameter.std(correction=0) * 0.6)
    try:
        found = score_of(studio, probe, 4)
    finally:
        studio.unet.load_state_dict(state)
    assert any(found.get(row, 1.0) < least for row, least in LEAST.items())
    assert found["everything"] < 0.5
