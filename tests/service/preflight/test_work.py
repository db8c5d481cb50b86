"""What requests ask of the machine: calls, texts, pixels."""

from dataclasses import replace

import pytest

from modules.errors import NotFound
from modules.schema.catalogue import CheckpointInfo
from modules.schema.control import ControlUnit
from modules.schema.inputs import Hires, Img2Img
from modules.schema.request import (
    Batch,
    GenerationRequest,
    Refiner,
    SamplerOptions,
    Sampling,
    Size,
)
from modules.schema.script_call import ScriptCall
from modules.service.preflight.work import work_of

BASE = GenerationRequest(
    prompt="a cat", sampling=Sampling(sampler="Euler", steps=20), size=Size(width=512, height=512)
)


def only_pass(request):
    (found,) = work_of(request, None).passes
    return found


def test_guidance_doubles_the_texts_and_a_batch_multiplies_them():
    assert only_pass(BASE).samples == 2
    plain = replace(BASE, sampling=replace(BASE.sampling, cfg_scale=1.0))
    assert only_pass(plain).samples == 1
    assert only_pass(replace(BASE, batch=Batch(batch_size=3, n_iter=5))).samples == 6


def test_composed_prompts_are_a_text_each():
    assert only_pass(replace(BASE, prompt="a cat AND a dog AND a tree")).samples == 4


@pytest.mark.parametrize(("sampler", "calls"), [("Euler", 20), ("Heun", 39), ("DPM++ SDE", 39)])
def test_samplers_that_call_twice_a_step_call_once_in_the_last(sampler, calls):
    assert only_pass(replace(BASE, sampling=Sampling(sampler=sampler, steps=20))).calls == calls


def test_less_denoising_makes_fewer_steps_unless_exactly_so_many_are_wanted():
    wish = replace(BASE, img2img=Img2Img(denoising_strength=0.5))
    assert only_pass(wish).steps == 11
    exact = replace(wish, pictures=replace(wish.pictures, exact_steps=True))
    assert only_pass(exact).steps == 20


def test_a_hires_pass_is_another_one_at_its_own_size_and_steps():
    first, second = work_of(replace(BASE, hires=Hires(scale=2.0, steps=8)), None).passes
    assert (first.steps, first.area) == (20, 1.0)
    assert (second.steps, second.area) == (8, 4.0)


def test_a_second_pass_alone_has_no_first():
    from modules.schema.inputs import ImageData

    done = ImageData(1, 1, "RGB", bytes(3))
    assert len(work_of(replace(BASE, hires=Hires(image=done)), None).passes) == 1


def test_what_makes_calls_cheaper_or_dearer_has_a_name():
    assert work_of(BASE, None).mode == ""
    merging = replace(BASE, options=SamplerOptions(token_merging=0.5))
    assert work_of(merging, None).mode == "token_merging 0.5"
    units = (ControlUnit(enabled=True), ControlUnit(enabled=False))
    assert work_of(replace(BASE, control=units), None).mode == "control 1"
    assert work_of(BASE, None, units=2).mode == "control 2"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sampling": Sampling(sampler="DPM adaptive")}, "sampler"),
        ({"script": ScriptCall(name="X/Y/Z plot")}, "script"),
        ({"refiner": Refiner(checkpoint="other")}, "second model"),
    ],
)
def test_what_cannot_be_foreseen_says_why(change, why):
    assert work_of(replace(BASE, **change), None).unforeseen == why


def test_models_of_one_size_are_of_one_kind():
    def kind(size, family):
        info = CheckpointInfo(title="a", name="a", path="a", stem="a", size=size, family=family)
        return work_of(BASE, info).kind

    assert kind(2_132_000_000, "sd1") == kind(2_138_000_000, "sd1") != kind(4_270_000_000, "sd1")
    assert kind(6_940_000_000, "sdxl") != kind(6_940_000_000, "sd3")


def test_an_unknown_sampler_is_refused_by_name():
    with pytest.raises(NotFound, match="Eulerr"):
        work_of(replace(BASE, sampling=Sampling(sampler="Eulerr")), None)
