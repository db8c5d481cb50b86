"""What the painter is shown, and how often."""

import numpy as np
import pytest
import torch

from modules.training.facts import SIZES, SKIP
from modules.training.latents import LatentsTask
from modules.training.loop import Plan
from modules.training.painter_stage import (
    SNR_FLOOR,
    SNR_LIMIT,
    PainterStage,
    PainterTask,
    alphas_cumprod,
    snr_weights,
    to_ship,
)
from modules.training.recipe import SHIPPED, Recipe
from modules.training.team import Team
from modules.training.text_stage import answer_loss
from modules.training.vocabulary import world_vocabulary

SMALL = Recipe(model_channels=16, unet_mult=(1, 2), text_width=64, text_layers=1)
COUNT = 60


def a_stage(answers_weight=0.0):
    task = PainterTask(
        unet=SMALL.unet,
        text=SMALL.text,
        plan=Plan(steps=1, rate=1e-3),
        batch=8,
        mixed_share=0.5,
        answers_weight=answers_weight,
    )
    scenes = LatentsTask(worlds=SHIPPED.taught, count=COUNT)
    latents = np.zeros((COUNT, 4, 2, 2), np.float16)
    return PainterStage(task, scenes, latents, world_vocabulary(), torch.device("cpu"))


@pytest.fixture(scope="module")
def stage():
    return a_stage()


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


def test_forgetting_what_captions_say_can_count_beside_the_noise(stage):
    asked = a_stage(answers_weight=0.5)
    _, report = stage.loss(3, Team())
    both, with_answers = asked.loss(3, Team())
    assert "answers" not in report
    assert both.item() == pytest.approx(
        with_answers["loss"] + 0.5 * with_answers["answers"], rel=1e-5
    )
    assert asked.network.text.text_model.embeddings.token_embedding.weight.grad is None
    (0.5 * both).backward()
    assert asked.network.answers.weight.grad.abs().sum() > 0
    assert set(to_ship(asked.network.state_dict())) == set(stage.network.state_dict())


def test_empty_captions_ask_nothing(stage):
    empty = next(n for n in range(200) if stage.caption(n)[0] == world_vocabulary().rows(""))
    assert set(stage.caption(empty)[1]) == {SKIP}
    nothing = answer_loss(torch.zeros(2, sum(SIZES)), torch.full((2, len(SIZES)), SKIP))
    assert nothing.item() == 0


def test_errors_of_the_picture_count_between_a_floor_and_a_limit():
    alpha = alphas_cumprod()
    ratio = alpha / (1 - alpha)
    counted = snr_weights(alpha.view(-1, 1, 1, 1)) * ratio
    assert torch.allclose(counted, ratio.clamp(SNR_FLOOR, SNR_LIMIT))
    assert ratio[-1] < SNR_FLOOR < SNR_LIMIT < ratio[0], "both ends are met"
