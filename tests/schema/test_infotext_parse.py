"""Recipes are understood as A1111's webui understands them."""

import json
import random
import time
from pathlib import Path

import pytest

from modules.schema.infotext_parse import (
    fill_defaults,
    find_pairs,
    first_pass_size,
    old_behaviours,
    parse_infotext,
    release_of,
)

PARITY = Path(__file__).parents[1] / "golden" / "parity"
UNITS = json.loads((PARITY / "units" / "infotext_parse.json").read_text(encoding="utf-8"))
RESULTS = json.loads((PARITY / "results.json").read_text(encoding="utf-8"))
LINE = "Steps: 20, Sampler: Euler a, "


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit["text"][:20] or "empty")
def test_reads_what_the_reference_reads(unit):
    assert fill_defaults(parse_infotext(unit["text"])) == unit["parsed"]


def test_reads_every_recipe_of_the_reference_pictures():
    checked = 0
    for case in RESULTS.values():
        for image, parsed in zip(case["images"], case.get("parsed") or [], strict=False):
            assert fill_defaults(parse_infotext(image["infotext"])) == parsed
            checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Model: a:b, Size: 1x2", {"Model": "a:b", "Size-1": "1", "Size-2": "2"}),
        (
            'Lora hashes: "a: 1, b: 2", Version: v1.8.0',
            {"Lora hashes": "a: 1, b: 2", "Version": "v1.8.0"},
        ),
        (r'Hires prompt: "a \"b\", c"', {"Hires prompt": 'a "b", c'}),
        ("A: 1", {}),
        ("x y: 1,, zz: 3", {"x y": "1", "zz": "3"}),
        ("Seed: 1, Seed: 2", {"Seed": "2"}),
        ('Broken: "a, b', {"Broken": '"a'}),
        (r'Odd: "\q"', {"Odd": r'"\q"'}),
        ("Empty: , Next: 1", {"Empty": "", "Next": "1"}),
        ("日本: 語, CFG/Rescale-φ: 1", {"日本": "語", "CFG/Rescale-φ": "1"}),
    ],
)
def test_splits_a_parameter_line_into_pairs(line, expected):
    found = parse_infotext(f"prompt\n{LINE}Last: 0, {line}")
    common = {"Prompt", "Negative prompt", "Steps", "Sampler", "Last"}
    assert {key: found[key] for key in found.keys() - common} == expected


def test_a_last_line_with_two_pairs_is_prompt():
    assert parse_infotext("cat\nSteps: 20, Seed: 1")["Prompt"] == "cat\nSteps: 20, Seed: 1"


def test_a_prompt_that_looks_like_parameters_is_taken_for_them():
    found = parse_infotext("a cat\nhair: red, eyes: blue, mood: calm")
    assert found["Prompt"] == "a cat"
    assert found["mood"] == "calm"


def test_a_negative_label_splits_the_prompt_wherever_it_stands():
    found = parse_infotext(f"a\nNegative prompt: z\nb\n{LINE}Seed: 1")
    assert (found["Prompt"], found["Negative prompt"]) == ("a", "z\nb")


@pytest.mark.parametrize(
    ("version", "before_1_6", "before_1_7_0_225"),
    [
        ("v1.5.2", True, True),
        ("v1.6.1", False, True),
        ("v1.7.0-224-gabc", False, True),
        ("v1.7.0-225-gabc", False, False),
        ("1.8.0-RC", False, False),
        ("f2.0.1v1.10.1-previous-1-gabc", False, False),
        ("ComfyUI", False, False),
        ("easel-v0.1.0", False, False),
        ("easel-v0.1.0-5-gabc1234", False, False),
        ("", False, False),
    ],
)
def test_old_versions_switch_on_what_they_did(version, before_1_6, before_1_7_0_225):
    old = old_behaviours({"Prompt": "[a:b:0.5]", "Sampler": "DDIM", "Version": version})
    assert old.get("Old prompt editing timelines", False) is before_1_6
    assert old.get("Pad conds v0", False) is before_1_6
    assert old.get("Downcast alphas_cumprod", False) is before_1_7_0_225


def test_old_refiner_timing_holds_up_to_1_8():
    assert "Refiner switch by sampling steps" in old_behaviours(
        {"Refiner": "x", "Version": "v1.8.0"}
    )
    assert not old_behaviours({"Refiner": "x", "Version": "v1.9.0"})


def test_versions_are_ordered_as_releases_are():
    texts = [
        "v1.5.2",
        "v1.6.1",
        "v1.7.0",
        "v1.7.0-224-gabc",
        "v1.7.0-225-gabc",
        "1.8.0-RC",
        "1.8.0",
    ]
    releases = [release_of(text) for text in texts]
    assert None not in releases
    assert releases == sorted(releases)


@pytest.mark.parametrize(("final", "first"), [((768, 1024), (448, 640)), ((1280, 720), (704, 384))])
def test_early_hires_texts_are_converted(final, first):
    assert first_pass_size(*final) == first
    width, height = final
    found = fill_defaults(parse_infotext(f"a\n{LINE}Size: {width}x{height}, First pass size: 0x0"))
    assert (found["Size-1"], found["Size-2"]) == tuple(map(str, first))
    assert (found["Hires resize-1"], found["Hires resize-2"]) == tuple(map(str, final))


def test_fp8_weights_imply_no_cache():
    found = fill_defaults(parse_infotext(f"a\n{LINE}FP8 weight: Enable"))
    assert found["Cache FP16 weight for LoRA"] is False


def test_random_texts_never_raise():
    source = random.Random(7)
    pieces = [
        "Steps: 2",
        ", ",
        "\n",
        '"',
        "\\",
        ":",
        "Size: 1x2",
        "First pass size-1: x",
        "é",
        "  ",
    ]
    pieces += ["Negative prompt:", "Version: v1.5", "Hypernet: h", "\ud800", "[", "٣x٣", "aa: "]
    for _ in range(10_000):
        text = "".join(source.choices(pieces, k=source.randrange(30)))
        fill_defaults(parse_infotext(text))


@pytest.mark.parametrize("unit", ["a ", "aa: ", 'aa: "', 'aa: "\\"', "a:", ":", "-"])
def test_a_megabyte_takes_about_a_second_at_most(unit):
    start = time.perf_counter()
    list(find_pairs(unit * (1_000_000 // len(unit))))
    assert time.perf_counter() - start < 5
