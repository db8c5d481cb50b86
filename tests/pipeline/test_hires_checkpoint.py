"""The second pass by another checkpoint: it draws and decodes, and then the first returns."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.errors import ModelError
from modules.model.loader import load_model
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires, ImageData
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from tests.model import tiny_checkpoints


def request(upscaler="Latent", checkpoint="sd2-velocity", **more):
    hires = Hires(
        upscaler=upscaler, scale=1.5, steps=2, denoising_strength=0.7, checkpoint=checkpoint
    )
    return GenerationRequest(
        prompt="a red cat",
        sampling=Sampling(sampler="Euler", schedule="Karras", steps=2, cfg_scale=2.0),
        seeds=Seeds(seed=1, subseed=1),
        size=Size(width=64, height=64),
        hires=replace(hires, **more),
    )


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Tiny models ready to draw, by name; each remembers what it was used for."""
    folder, known = tmp_path_factory.mktemp("hires"), {}

    def take(name):
        if name not in known:
            model = load_model(tiny_checkpoints.write(name, folder))
            model.sha256, calls = "ab" * 32, []
            model.unet.register_forward_hook(lambda *_: calls.append("unet"))
            for part in ("encode_image", "decode_latent"):
                watch(model, part, calls)
            conditioner = Conditioner(reader_for(model), family=model.family)
            known[name] = SimpleNamespace(
                model=model, conditioner=conditioner, patcher=None, calls=calls
            )
        return known[name]

    return take


def watch(model, part, calls):
    """Note every call of a model's method."""
    own = getattr(model, part)

    def noted(*given):
        calls.append(part)
        return own(*given)

    setattr(model, part, noted)


def drawn(wish, shelf, other=True):
    """The pictures of a request, and what each model did."""
    first, second = shelf("sd2"), shelf("sd2-velocity")
    first.calls.clear(), second.calls.clear()
    events = generate(
        wish,
        first.model,
        first.conditioner,
        Cancel(),
        other=shelf if other else None,
        preview_interval_s=None,
    )
    pictures = [event.image for event in events if isinstance(event, ImageReady)]
    return pictures, list(first.calls), list(second.calls)


def test_the_other_model_draws_the_second_pass_and_decodes_it(shelf):
    (picture,), first, second = drawn(request(), shelf)
    assert set(first) == {"unet"}
    assert set(second) == {"unet", "decode_latent"}
    assert dict(picture.facts)["Hires checkpoint"] == "sd2-velocity [ababababab]"
    assert dict(picture.facts)["Model"] == "sd2"
    assert (picture.width, picture.height) == (96, 96)


def test_over_pixels_the_first_model_decodes_and_the_other_encodes(shelf):
    _, first, second = drawn(request("Lanczos"), shelf)
    assert first[-1] == "decode_latent"
    assert second[0] == "encode_image" and second[-1] == "decode_latent"


def test_every_batch_begins_with_the_first_model(shelf):
    alone = drawn(replace(request(), seeds=Seeds(seed=2, subseed=2)), shelf)[0][0]
    pictures, _, _ = drawn(replace(request(), batch=Batch(n_iter=2)), shelf)
    assert pictures[1].image == alone.image


def test_it_makes_a_difference(shelf):
    (one,), *_ = drawn(request(), shelf)
    (other,), *_, second = drawn(request(checkpoint=""), shelf)
    assert one.image != other.image
    assert second == []
    assert "Hires checkpoint" not in dict(other.facts)


def test_a_finished_picture_is_enlarged_by_the_other_model_alone(shelf):
    image = ImageData(64, 64, "RGB", bytes(range(256)) * 48)
    _, first, second = drawn(request("Lanczos", image=image), shelf)
    assert first == []
    assert "unet" in second


def test_where_there_is_no_other_model_it_is_refused(shelf):
    with pytest.raises(ModelError, match="No other model"):
        drawn(request(), shelf, other=False)
