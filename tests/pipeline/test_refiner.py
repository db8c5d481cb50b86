"""Another model goes on in the middle of a pass: when, with what, and what is written about it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.errors import ModelError
from modules.model.loader import load_model
from modules.param import replace_at
from modules.pipeline.generate import generate
from modules.pipeline.refiner import Switch, refines
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.plan import PassOptions, SamplingPass
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest, Refiner, Sampling, Seeds, Size
from tests.model import tiny_checkpoints
from tests.sampling.toy import sd_alphas

REQUEST = GenerationRequest(
    prompt="a red cat",
    sampling=Sampling(sampler="Euler", schedule="Karras", steps=4, cfg_scale=2.0),
    seeds=Seeds(seed=1, subseed=1),
    size=Size(width=64, height=64),
    refiner=Refiner(checkpoint="sdxl-refiner", switch_at=0.5),
)
BY_STEPS = replace_at(REQUEST, "options.refiner_by_steps", True)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Tiny models ready to draw, by name; each remembers the calls of its network."""
    folder, known = tmp_path_factory.mktemp("refiner"), {}

    def take(name):
        if name not in known:
            model = load_model(tiny_checkpoints.write(name, folder))
            model.sha256, calls = "ab" * 32, []
            model.unet.register_forward_hook(lambda *_: calls.append(1))
            conditioner = Conditioner(reader_for(model), family=model.family)
            known[name] = SimpleNamespace(
                model=model, conditioner=conditioner, patcher=None, calls=calls
            )
        return known[name]

    return take


def drawn(request, shelf, base="sdxl"):
    """The picture of a request, and how often each network was asked."""
    first, other = shelf(base), shelf(request.refiner.checkpoint or "sdxl-refiner")
    first.calls.clear(), other.calls.clear()
    events = generate(
        request, first.model, first.conditioner, Cancel(), other=shelf, preview_interval_s=None
    )
    (picture,) = [event.image for event in events if isinstance(event, ImageReady)]
    return picture, len(first.calls), len(other.calls)


@pytest.mark.parametrize(
    "sampler, steps, at, first",
    [("Euler", 20, 0.8, 16), ("Euler", 25, 0.5, 13), ("Heun", 20, 0.8, 32), ("DDIM", 20, 0.5, 10)],
)
def test_by_steps_it_takes_over_at_the_first_evaluation_after_its_share(sampler, steps, at, first):
    plan = SamplingPass(resolve_sampler(sampler), steps, sd_alphas(), PassOptions())
    asked = [
        count
        for count in range(plan.evaluations)
        if Switch(at, True, plan, lambda: None).share(counted(count, plan), None) >= at
    ]
    assert asked[0] == first


def counted(count, plan):
    """A guidance that has made so many evaluations."""
    return SimpleNamespace(count=count, total=plan.evaluations)


@pytest.mark.parametrize("timestep, share", [(999, 0.0), (199, 0.8), (0, 0.999)])
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_by_noise_its_share_counts_timesteps(sampler, timestep, share):
    plan = SamplingPass(resolve_sampler(sampler), 20, sd_alphas(), PassOptions())
    level = torch.tensor(float(timestep))
    if sampler == "Euler":
        level = plan.table.sigmas[timestep] * 1.0001  # the nearest counts
    assert Switch(0.8, False, plan, lambda: None).share(counted(0, plan), level) == share


def test_the_other_model_makes_the_rest_of_the_steps(shelf):
    picture, first, other = drawn(BY_STEPS, shelf)
    assert (first, other) == (2, 2)
    facts = dict(picture.facts)
    assert facts["Refiner"] == "sdxl-refiner [abababab" + "ab]"
    assert facts["Refiner switch at"] == 0.5
    assert facts["Refiner switch by sampling steps"] is True
    alone = drawn(replace_at(BY_STEPS, "refiner.checkpoint", ""), shelf)
    assert alone[1:] == (4, 0)
    assert "Refiner" not in dict(alone[0].facts)
    assert alone[0].image != picture.image
    assert drawn(BY_STEPS, shelf)[0].image == picture.image, "the first model returns"


def test_the_other_model_may_predict_something_else(shelf):
    request = replace_at(BY_STEPS, "refiner.checkpoint", "sdxl-velocity")
    assert drawn(request, shelf)[1:] == (2, 2)


def test_a_switch_at_the_very_end_never_happens(shelf):
    picture, first, other = drawn(replace_at(BY_STEPS, "refiner.switch_at", 1.0), shelf)
    assert (first, other) == (4, 0)
    assert "Refiner" not in dict(picture.facts)


def test_an_inpainting_model_may_be_refined_by_a_plain_one(shelf):
    assert drawn(BY_STEPS, shelf, base="sdxl-inpainting")[1:] == (2, 2)


def test_a_model_that_needs_a_picture_refines_none(shelf):
    request = replace_at(BY_STEPS, "refiner.checkpoint", "instruct-pix2pix")
    with pytest.raises(ModelError, match="cannot refine"):
        drawn(request, shelf)


@pytest.mark.parametrize(
    "wish, passes",
    [("first pass", (True, False)), ("second pass", (False, True)), ("both passes", (True, True))],
)
def test_hires_pictures_are_refined_where_it_is_asked_for(wish, passes):
    request = replace_at(replace(REQUEST, hires=Hires()), "options.refiner_pass", wish)
    assert tuple(refines(request, second_pass=second) for second in (False, True)) == passes
    assert refines(replace(request, hires=None), second_pass=False)
    assert not refines(replace(request, refiner=Refiner()), second_pass=True)


def test_without_other_models_a_refiner_is_refused(shelf):
    first = shelf("sdxl")
    events = generate(BY_STEPS, first.model, first.conditioner, Cancel(), preview_interval_s=None)
    with pytest.raises(ModelError, match="No other model"):
        list(events)
