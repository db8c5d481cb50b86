"""Pictures with texts of their own, drawn by the small model; and tokens merged on the way."""

from dataclasses import replace

import torch

from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires, PictureOptions
from modules.schema.request import (
    Batch,
    GenerationRequest,
    SamplerOptions,
    Sampling,
    Seeds,
    Size,
)
from modules.schema.result import FIRST_PASS
from modules.schema.wording import Wording
from tests.pipeline.reference import conditioner, draw, model

REQUEST = GenerationRequest(
    prompt="{a cat|a dog, (fluffy:1.3)}",
    sampling=Sampling(sampler="Euler", steps=2),
    seeds=Seeds(seed=10),
    size=Size(width=64, height=64),
)
TEXTS = ("a cat", "a dog, (fluffy:1.3)", "a cat")


def test_a_picture_among_others_equals_the_same_text_drawn_alone() -> None:
    wordings = tuple(Wording(prompt=text, negative_prompt="bad") for text in TEXTS)
    many = draw(replace(REQUEST, wordings=wordings, batch=Batch(n_iter=3)))
    for index, text in enumerate(TEXTS):
        alone = replace(REQUEST, prompt=text, negative_prompt="bad", seeds=Seeds(seed=10 + index))
        assert torch.equal(many.latents[index], draw(alone).latents[0])


def test_the_second_pass_has_the_text_of_its_picture() -> None:
    hires = Hires(scale=1.5, prompt="{x|y}", steps=1)
    wordings = tuple(Wording(prompt="a cat", hires_prompt=text) for text in ("a red cat", "a dog"))
    request = replace(REQUEST, hires=hires, wordings=wordings, batch=Batch(n_iter=2))
    many = draw(request)
    alone = replace(
        REQUEST, prompt="a cat", hires=replace(hires, prompt="a dog"), seeds=Seeds(seed=11)
    )
    assert torch.equal(many.latents[1], draw(alone).latents[0])


def test_merged_tokens_make_another_picture_and_none_the_same() -> None:
    plain = replace(REQUEST, prompt="a cat")
    before = draw(plain).latents[0]
    some = replace(plain, options=SamplerOptions(token_merging=0.5))
    assert not torch.equal(draw(some).latents[0], before)
    only_hires = replace(plain, options=SamplerOptions(token_merging_hr=0.5))
    assert torch.equal(draw(only_hires).latents[0], before)


def test_the_first_pass_is_kept_where_that_is_wanted_and_changes_nothing() -> None:
    small = replace(REQUEST, prompt="a cat", size=Size(width=32, height=32))
    hires = replace(small, hires=Hires(scale=2, steps=1))
    kept = replace(hires, pictures=PictureOptions(keep_first_pass=True))
    images = [
        event.image
        for event in generate(kept, model(), conditioner(), Cancel())
        if isinstance(event, ImageReady)
    ]
    assert [(image.kind, image.width, image.index) for image in images] == [
        (FIRST_PASS, 32, 0),
        ("image", 64, 0),
    ]
    assert torch.equal(draw(kept).latents[-1], draw(hires).latents[-1])
    alone = next(
        event.image
        for event in generate(small, model(), conditioner(), Cancel())
        if isinstance(event, ImageReady)
    )
    assert alone.image == images[0].image
