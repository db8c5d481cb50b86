"""Pictures with texts of their own, drawn by the small model; and tokens merged on the way."""

from dataclasses import replace

import torch

from modules.schema.inputs import Hires
from modules.schema.request import (
    Batch,
    GenerationRequest,
    SamplerOptions,
    Sampling,
    Seeds,
    Size,
)
from modules.schema.wording import Wording
from tests.pipeline.reference import draw

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
