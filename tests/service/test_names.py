"""File names from patterns."""

import hashlib
from dataclasses import replace
from datetime import datetime

import pytest

from modules.param import replace_at
from modules.schema.inputs import Img2Img
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.names import Naming, expand, expand_folders

REQUEST = replace_at(
    replace_at(GenerationRequest(prompt="a cat"), "batch.batch_size", 2), "seeds.seed", 100
)
IMAGE = GeneratedImage(
    index=3,
    seed=103,
    subseed=0,
    prompt="a cat: (red), sitting!",
    negative_prompt="bad",
    width=64,
    height=32,
    facts=(("Model", "tiny"), ("Model hash", "fe1e97aec4"), ("Schedule type", "Karras")),
)
NAMING = Naming(request=REQUEST, image=IMAGE, started=datetime(2024, 1, 31, 12, 30, 15))


def digest(text, length=8):
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]", "103"),
        ("[SEED]-[steps]-[cfg]", "103-20-7.0"),
        ("[width]x[height]", "64x32"),
        ("[seed_first]-[seed_last]", "102-103"),
        ("[sampler]", "DPM++ 2M"),
        ("[scheduler]", "Karras"),
        ("[sampler_scheduler]", "DPM++ 2M Karras"),
        ("[model_name] [model_hash]", "tiny fe1e97aec4"),
        ("[job_timestamp]", "20240131123015"),
        ("[prompt]", "a_cat__(red),_sitting!"),
        ("[prompt_spaces]", "a cat_ (red), sitting!"),
        ("[prompt_no_styles]", "a cat"),
        ("[prompt_words]", "a cat red sitting"),
        ("[prompt_hash]", digest(IMAGE.prompt)),
        ("[negative_prompt_hash<4>]", digest("bad", 4)),
        ("[full_prompt_hash]", digest(f"{IMAGE.prompt} bad")),
        ("[batch_number]-[batch_size]-[generation_number]", "2-2-4"),
        ("[hasprompt<cat|dog><bird><x|none>]", "catnone"),
        ("[clip_skip]", "1"),
        ("[vae_filename]", "NoneType"),
        ("a[none]b", "ab"),
        ("[basename]", "img"),
        ("[xyz]-[seed]", "[xyz]-103"),
        ("[[model_name]]_[seed]", "[tiny]_103"),
        ("[seed]_d[denoising]", "103"),
        ("a/b\\c:d*[seed]", "a_b_c_d_103"),
        ("[datetime<no%Y%%d>]", f"no{datetime.now():%Y}%d"),
        ("CON", "_CON"),
        ("nul.x", "_nul.x"),
        ("name. . ", "name"),
        ("", ""),
    ],
)
def test_patterns_are_expanded(pattern, expected):
    assert expand(pattern, NAMING) == expected


def test_what_does_not_apply_takes_the_text_before_it_along():
    single = replace(NAMING, request=GenerationRequest())
    assert expand("[seed]-b[batch_number]-g[generation_number]", single) == "103"
    pictured = replace(NAMING, request=replace_at(REQUEST, "img2img", Img2Img()))
    assert expand("[seed]_d[denoising]", pictured) == "103_d0.75"


def test_dates_come_in_any_form_and_bad_ones_fall_back():
    assert expand("[date]", NAMING) == datetime.now().strftime("%Y-%m-%d")
    assert len(expand("[datetime]", NAMING)) == 14
    assert len(expand("[datetime<%Y><Asia/Tokyo>]", NAMING)) == 4
    assert len(expand("[datetime<%Y><Mars/Crater>]", NAMING)) == 4


def test_values_are_cut():
    long = replace(NAMING, image=replace(IMAGE, prompt="x" * 500))
    assert len(expand("[prompt]-[seed]", long)) == 128 + 4


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[model_name]/[seed]", ["tiny", "103"]),
        ("../../etc/[seed]", ["etc", "103"]),
        ("/absolute/./x", ["absolute", "x"]),
        ("[datetime<%Y/%m>]", [f"{datetime.now():%Y_%m}"]),
        ("C:\\x", ["C_", "x"]),
        ("...", []),
    ],
)
def test_folders_only_lead_downwards(pattern, expected):
    assert expand_folders(pattern, NAMING) == expected


def test_an_empty_prompt_has_a_name_too():
    nothing = replace(NAMING, image=replace(IMAGE, prompt=" ,. "))
    assert expand("[prompt_words]", nothing) == "empty"
