"""Reference pictures in the loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from modules.model.memory import MemoryPlan
from modules.pipeline.attachments.reference import ReferenceAtWork, chosen
from modules.schema.control import CONTROL_MODES, ControlUnit
from modules.schema.request import Batch, Seeds
from tests.pipeline.test_control import PLAIN as FOUR_STEPS
from tests.pipeline.test_control import Studio, call_of, photo

PLAIN = replace(FOUR_STEPS, sampling=replace(FOUR_STEPS.sampling, steps=2))
REFERENCE = ControlUnit(module="reference_only", image=photo(96, 64))


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A tiny model, without any network for control."""
    return Studio(tmp_path_factory.mktemp("reference"), "sd1")


def test_a_reference_changes_the_picture_and_leaves_the_network_alone(studio):
    plain, first = studio.draw(request=PLAIN), studio.draw(REFERENCE, request=PLAIN)
    other = replace(REFERENCE, image=photo(seed=9))
    assert not np.array_equal(plain, first)
    assert not np.array_equal(first, studio.draw(other, request=PLAIN))
    assert np.array_equal(first, studio.draw(REFERENCE, request=PLAIN))
    assert np.array_equal(plain, studio.draw(request=PLAIN))


def test_each_mode_gives_another_picture_and_fidelity_counts_in_balanced(studio):
    pictures = [
        studio.draw(replace(REFERENCE, control_mode=mode, threshold_a=a), request=PLAIN).tobytes()
        for mode, a in [(CONTROL_MODES[0], 0.3), *((mode, 0.7) for mode in CONTROL_MODES)]
    ]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("mode", CONTROL_MODES)
def test_a_batch_and_calls_apart_give_the_same(studio, mode):
    unit = replace(REFERENCE, control_mode=mode)
    options = replace(PLAIN.options, batch_cond_uncond=False)
    pictures = studio.draw(unit, request=replace(PLAIN, batch=Batch(batch_size=2), options=options))
    for place, picture in enumerate(pictures.astype(int)):
        alone = studio.draw(unit, request=replace(PLAIN, seeds=Seeds(seed=1 + place)))
        assert np.abs(picture - alone[0]).max() <= 1


def test_sparing_memory_changes_no_pixel(studio, tmp_path):
    plan = MemoryPlan(torch.device("cpu"), torch.float32, hint="one")
    spare = Studio(tmp_path, "sd1", plan=plan)
    expected = studio.draw(REFERENCE, request=PLAIN)
    assert np.array_equal(expected, spare.draw(REFERENCE, request=PLAIN))


def test_a_model_for_inpainting_takes_references_too(tmp_path):
    inpainting = Studio(tmp_path, "sd1-inpainting")
    plain = inpainting.draw(request=PLAIN)
    assert not np.array_equal(plain, inpainting.draw(REFERENCE, request=PLAIN))


def test_a_smaller_weight_shows_the_reference_to_the_widest_layers_only(studio):
    unet = studio.model.unet
    every = chosen(unet, 1.0)
    few = chosen(unet, 0.4)
    assert 0 < len(few) < len(every) and few == every[: len(few)]
    assert min(one.to_q.in_features for one in few) >= max(
        one.to_q.in_features for one in every[len(few) :]
    )


@torch.no_grad()
def test_a_drawing_that_is_its_own_reference_is_left_as_it_is(studio):
    # Attending twice to the same keys gives what attending once gives.
    call = call_of(studio.model, (False, False))
    work = ReferenceAtWork(REFERENCE, studio.model)
    same = replace(call, x=work._noised(call))
    unet = studio.model.unet
    plain = unet(same.x, same.timesteps, same.text)
    with work.around(same):
        again = unet(same.x, same.timesteps, same.text)
    assert torch.allclose(plain, again, atol=1e-5)
