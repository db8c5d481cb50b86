"""What the painter is shown, and how often."""

import numpy as np
import pytest
import torch

from modules.training.latents import LatentsTask
from modules.training.loop import Plan
from modules.training.painter_stage import PainterStage, PainterTask
from modules.training.recipe import SHIPPED, Recipe
from modules.training.vocabulary import world_vocabulary

SMALL = Recipe(model_channels=16, unet_mult=(1, 2), text_width=64, text_layers=1)
COUNT = 60


@pytest.fixture(scope="module")
def stage():
    task = PainterTask(
        unet=SMALL.unet, text=SMALL.text, plan=Plan(steps=1, rate=1e-3), batch=8, mixed_share=0.5
    )
    scenes = LatentsTask(worlds=SHIPPED.taught, count=COUNT)
    latents = np.zeros((COUNT, 4, 2, 2), np.float16)
    return PainterStage(task, scenes, latents, world_vocabulary(), torch.device("cpu"))


def test_half_of_every_batch_shows_different_things_together(stage):
    for step in range(20):
        scenes = [stage.latents_task.scene(stage.place(step * 8 + row)) for row in range(8)]
        assert [scene.mixed for scene in scenes] == [True] * 4 + [False] * 4


def test_every_scene_has_its_turn(stage):
    seen = [stage.place(number) for number in range(8 * COUNT)]
    assert set(seen) == set(range(COUNT))
    counts = np.bincount(seen)
    for places in (stage.mixed, stage.others):
        assert np.ptp(counts[places]) <= 1


def test_the_same_visit_shows_the_same_scene(stage):
    assert [stage.place(n) for n in range(50)] == [stage.place(n) for n in range(50)]
