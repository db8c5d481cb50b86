"""NovelAI's pictures are read as recipes in NovelAI's syntax."""

import json

import pytest

from modules.schema.infotext_novelai import is_novelai, novelai_recipe
from modules.schema.infotext_read import read_infotext
from modules.schema.request import GenerationRequest

COMMENT = {
    "steps": 28,
    "sampler": "k_dpmpp_2m",
    "seed": 3971393215,
    "strength": 0.69,
    "noise": 0.667,
    "scale": 5.5,
    "uc": "lowres, {bad hands}",
    "width": 512,
    "height": 768,
    "noise_schedule": "karras",
}


def texts(comment: object, **others: str) -> dict[str, str]:
    return {"Software": "NovelAI", "Comment": json.dumps(comment), **others}


def test_a_picture_becomes_a_request_in_its_own_syntax() -> None:
    picture = texts(COMMENT, Description="{masterpiece}, [cat]\n1.3::sitting::")
    request, notices = read_infotext(novelai_recipe(picture), GenerationRequest())
    assert notices == []
    assert request.prompt == "{masterpiece}, [cat]\n1.3::sitting::"
    assert request.negative_prompt == "lowres, {bad hands}"
    assert request.text.syntax == "NovelAI"
    assert request.text.clip_skip == 2
    assert (request.sampling.sampler, request.sampling.schedule) == ("DPM++ 2M", "Karras")
    assert (request.sampling.steps, request.sampling.cfg_scale) == (28, 5.5)
    assert (request.size.width, request.size.height) == (512, 768)
    assert (request.seeds.seed, request.seeds.ensd) == (3971393215, 31337)


def test_an_ordinary_recipe_afterwards_has_the_ordinary_syntax_again() -> None:
    theirs, _ = read_infotext(novelai_recipe(texts(COMMENT)), GenerationRequest())
    ours, _ = read_infotext("(cat)\nSteps: 20, Sampler: Euler, Seed: 1", theirs)
    assert ours.text.syntax == "A1111"


def test_prompts_of_the_fourth_model_are_found() -> None:
    comment = {
        **COMMENT,
        "uc": "",
        "v4_prompt": {"caption": {"base_caption": "a fox", "char_captions": []}},
        "v4_negative_prompt": {"caption": {"base_caption": "blurry"}},
        "sampler": "nobody_else_has_it",
    }
    request, _ = read_infotext(novelai_recipe(texts(comment)), GenerationRequest())
    assert (request.prompt, request.negative_prompt) == ("a fox", "blurry")
    assert request.sampling.sampler == "Euler a"


@pytest.mark.parametrize("comment", [[], None, 7, {"steps": "many", "seed": [], "width": {}}])
def test_odd_comments_do_no_harm(comment: object) -> None:
    read_infotext(novelai_recipe(texts(comment)), GenerationRequest())


def test_what_is_no_json_is_no_recipe() -> None:
    assert novelai_recipe({"Software": "NovelAI", "Comment": "{"}) == ""
    assert not is_novelai({"Software": "GIMP", "Comment": "{}"})
