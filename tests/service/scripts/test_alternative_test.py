"""img2img alternative test: what it takes over, and what it tells."""

from modules.schema.inputs import Inversion
from modules.service.scripts.alternative_test import ALTERNATIVE_TEST
from tests.service.scripts.stage import call, gradient


def cell_of(args):
    return next(ALTERNATIVE_TEST.play(call(ALTERNATIVE_TEST, args, gradient(16, 16))))[0]


def test_the_way_forth_takes_over_what_is_ticked():
    cell = cell_of({"original_prompt": "a dog", "decode_steps": 9})
    assert cell.request.prompt == "a dog"
    assert (cell.request.sampling.sampler, cell.request.sampling.steps) == ("Euler", 9)
    assert cell.request.img2img.denoising_strength == 1
    assert cell.request.img2img.inversion == Inversion(prompt="a dog", steps=9)
    assert ("Decode prompt", "a dog") in cell.facts


def test_what_is_not_ticked_stays():
    overrides = ("override_sampler", "override_prompt", "override_steps", "override_strength")
    cell = cell_of(dict.fromkeys(overrides, False) | {"original_prompt": "a dog"})
    assert cell.request.prompt == "a cat"
    assert cell.request.sampling.steps == 2
    assert cell.request.img2img.denoising_strength == 0.75
