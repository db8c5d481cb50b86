"""Drawing over pictures: what is asked of them, and what stays."""

import torch

from modules.training.evaluation.effects import painting_in, redrawing
from modules.training.facts import answers_of
from modules.training.world.scene import SIMPLE


class Copyist:
    """Sees every picture that is drawn over exactly as it was: nothing is redrawn at all."""

    def answers(self, prompts, cfg_scale, negative="", over=None):
        assert len(prompts) == len(over.scenes)
        return torch.tensor([answers_of(scene) for scene in over.scenes])


def test_a_copy_keeps_the_layout_and_takes_no_new_colour():
    figures = redrawing(Copyist(), SIMPLE, 20)
    assert figures["layout"]["share"] == figures["old colour"]["share"] == 1
    assert figures["new colour"]["share"] == 0
    assert figures["layout"]["n"] == 20


def test_a_copy_paints_nothing_in_and_leaves_the_outside():
    figures = painting_in(Copyist(), SIMPLE, 20)
    assert figures["outside"]["share"] == 1
    assert figures["inside"]["share"] == figures["gone"]["share"] == 0


def test_the_things_asked_for_are_neither_there_yet_nor_on_a_ground_of_their_colour():
    asked = []

    class Listener(Copyist):
        def answers(self, prompts, cfg_scale, negative="", over=None):
            asked.extend(zip(prompts, over.scenes, strict=True))
            return super().answers(prompts, cfg_scale, negative, over)

    painting_in(Listener(), SIMPLE, 20)
    assert len({prompt for prompt, _ in asked}) > 15
    for prompt, scene in asked:
        assert scene.held_out and scene.items[0].thing not in prompt.split()
