"""The recipe that is written into pictures."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from modules.param import replace_at
from modules.schema.infotext import quote, write_infotext
from modules.schema.inputs import Hires, Img2Img
from modules.schema.request import GenerationRequest, SamplerOptions
from modules.schema.result import GeneratedImage

PARITY = Path(__file__).parents[1] / "golden" / "parity"
PICTURE = GeneratedImage(
    index=0, seed=1, subseed=2, prompt="a cat", negative_prompt="", width=512, height=512
)


def asked(**paths):
    """A request with the values at `paths`, dots written as two underscores."""
    request = GenerationRequest(prompt="a cat")
    for path, value in paths.items():
        request = replace_at(request, path.replace("__", "."), value)
    return request


def written(request=None, picture=PICTURE, **options):
    return write_infotext(request or asked(), picture, version="easel-v0.1.0", **options)


def test_writes_the_line_people_know():
    facts = (("Model hash", "fe1e97aec4"), ("Model", "tiny"))
    picture = replace(PICTURE, negative_prompt="x: y", facts=facts)
    request = asked(seeds__source="CPU", text__clip_skip=2, size__height=768)
    assert written(request, picture) == (
        "a cat\nNegative prompt: x: y\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7.0, Seed: 1, "
        "Size: 512x768, Model hash: fe1e97aec4, Model: tiny, Clip skip: 2, RNG: CPU, "
        "Version: easel-v0.1.0"
    )


def test_numbers_are_written_as_they_were_given():
    assert "CFG scale: 7," in written(asked(sampling__cfg_scale=7))
    assert "CFG scale: 7.0," in written(asked(sampling__cfg_scale=7.0))


@pytest.mark.parametrize(
    ("plain", "quoted"),
    json.loads((PARITY / "units" / "quote.json").read_text(encoding="utf-8")),
)
def test_values_are_quoted_as_the_reference_quotes_them(plain, quoted):
    assert quote(plain) == str(quoted)


def test_defaults_are_not_written():
    line = written(asked(seeds__source="GPU")).splitlines()[-1]
    keys = [pair.split(":")[0] for pair in line.split(", ")]
    assert keys == [
        "Steps",
        "Sampler",
        "Schedule type",
        "CFG scale",
        "Seed",
        "Size",
        "Version",
    ]


def test_a_variation_names_its_own_seed():
    text = written(asked(seeds__subseed_strength=0.5, seeds__subseed=99))
    assert "Variation seed: 2, Variation seed strength: 0.5" in text


def test_a_seed_resized_from_another_size_says_so():
    text = written(asked(seeds__resize_from_w=128, seeds__resize_from_h=48))
    assert "Seed resize from: 128x48" in text
    assert "resize" not in written(asked(seeds__resize_from_w=128))


def test_facts_win_over_the_request_and_keep_the_base_order():
    facts = (("Custom", 1), ("Schedule type", "Karras"), ("Lora hashes", "a: 1, b: 2"))
    text = written(asked(), replace(PICTURE, facts=(*facts, ("Another", True))))
    assert "Sampler: DPM++ 2M, Schedule type: Karras, CFG" in text
    assert 'Custom: 1, Another: True, Lora hashes: "a: 1, b: 2", Version' in text


def test_a_request_in_the_manner_of_1_8_gets_its_text():
    request = asked(
        sampling__schedule="",
        sampling__sampler="DPM++ 2M Karras",
        options__uni_pc_order=2,
        seeds__source="GPU",
    )
    picture = replace(PICTURE, facts=(("Schedule type", "Karras"),))
    assert written(request, picture).splitlines()[-1] == (
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.0, Seed: 1, Size: 512x512, "
        "Version: easel-v0.1.0"
    )


def test_options_the_sampler_does_not_read_can_be_left_out():
    request = asked(options__s_churn=2.0, seeds__ensd=31337)
    assert "Sigma churn: 2.0" in written(request)
    text = written(request, applies=lambda path: path not in ("options.s_churn", "seeds.ensd"))
    assert "churn" not in text
    assert "ENSD" not in text


def test_eta_of_one_is_what_everybody_assumes():
    assert "Eta" not in written(asked(options__eta=1.0))
    assert "Eta: 0.0" in written(asked(options__eta=0.0))


def test_denoising_strength_belongs_to_img2img_and_hires():
    hires = Hires(scale=1.5, upscaler="Latent (nearest-exact)", denoising_strength=0.6)
    assert "Denoising strength" not in written()
    assert "Denoising strength: 0.4" in written(asked(img2img=Img2Img(denoising_strength=0.4)))
    text = written(asked(hires=hires, seeds__source="CPU"))
    assert "Denoising strength: 0.6, RNG: CPU, Hires upscale: 1.5, Hires upscaler: Latent" in text


def test_owners_may_leave_keys_out_and_sign():
    picture = replace(PICTURE, facts=(("Model hash", "abc"), ("Model", "m")))
    text = written(picture=picture, omit=("Model hash", "Version"), user="ada")
    assert "Model hash" not in text
    assert text.endswith("Model: m, RNG: NV, User: ada")


def test_a_key_equal_to_its_value_is_written_once():
    assert ", Flag, Version" in written(picture=replace(PICTURE, facts=(("Flag", "Flag"),)))


def test_the_ratio_of_merged_tokens_is_that_of_each_pass():
    options = SamplerOptions(token_merging=0.3, token_merging_img2img=0.5)
    request = GenerationRequest(prompt="a", options=options)
    assert "Token merging ratio: 0.3, " in written(request)
    assert "Token merging ratio: 0.5, " in written(replace(request, img2img=Img2Img()))
    assert "hr: 0.3" in written(replace(request, hires=Hires()))
    assert "merging" not in written(replace(request, options=SamplerOptions()))
