"""From a recipe back to the request that draws the picture again."""

import json
import random
from pathlib import Path

import pytest

from modules.errors import NotFound
from modules.param import get_at, params_of, replace_at
from modules.schema.infotext import DRAWING_KNOWS, write_infotext
from modules.schema.infotext_parse import fill_defaults, parse_infotext
from modules.schema.infotext_read import read_infotext
from modules.schema.inputs import Hires, Img2Img, Inpaint, SoftInpaint
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

PARITY = Path(__file__).parents[1] / "golden" / "parity"
RESULTS = json.loads((PARITY / "results.json").read_text(encoding="utf-8"))
BASE = GenerationRequest()
GOOD = (
    "a cat\nNegative prompt: bad\nSteps: 30, Sampler: Euler a, Schedule type: Karras, "
    "CFG scale: 7, Seed: 5, Size: 512x768, Clip skip: 2, Version: v1.10.1"
)


def read(text, base=BASE, **options):
    return read_infotext(text, base, **options)[0]


def notices(text, base=BASE, **options):
    return read_infotext(text, base, **options)[1]


def test_fills_the_request():
    request = read(GOOD)
    assert request.prompt == "a cat"
    assert request.negative_prompt == "bad"
    assert request.sampling.steps == 30
    assert request.sampling.cfg_scale == 7
    assert isinstance(request.sampling.cfg_scale, int)
    assert (request.sampling.sampler, request.sampling.schedule) == ("Euler a", "Karras")
    assert request.seeds.seed == 5
    assert (request.size.width, request.size.height) == (512, 768)
    assert request.text.clip_skip == 2


def test_what_a_recipe_does_not_mention_was_at_its_default():
    base = replace_at(replace_at(BASE, "options.eta", 0.3), "text.emphasis", "Ignore")
    request = read(GOOD, base)
    assert request.options.eta is None
    assert request.text.emphasis == "Original"
    assert request.seeds.source == "GPU"


def test_batch_and_unstored_options_stay_as_they_are():
    base = replace_at(replace_at(BASE, "batch.n_iter", 4), "options.quantize", True)
    request = read(GOOD, base)
    assert request.batch.n_iter == 4
    assert request.options.quantize


def test_a_bare_prompt_changes_only_the_prompt():
    base = replace_at(replace_at(BASE, "negative_prompt", "keep"), "sampling.steps", 33)
    request = read("just words, and more", base)
    assert request == replace_at(base, "prompt", "just words, and more")


def recording(seen):
    def resolve(name, schedule, version):
        seen.append((name, schedule, version))
        return name, schedule or "Uniform"

    return resolve


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("", "1.8"),
        (", Version: v1.6.0", "1.8"),
        (", Version: 1.8.0-RC", "1.8"),
        (", Version: v1.9.0", None),
        (", Version: v1.10.1", None),
        (", Version: f2.0.1v1.10.1-previous-1-gabc", None),
        (", Version: f0.0.17v1.8.0rc-latest-276-g2", "1.8"),
        (", Version: ComfyUI", None),
        (", Version: easel-v0.1.0", "1.8"),
    ],
)
def test_a_sampler_without_schedule_means_what_it_meant_then(version, dialect):
    seen = []
    read(f"a\nSteps: 2, Sampler: DPM++ 2M, Seed: 1{version}", resolve_sampler=recording(seen))
    assert seen == [("DPM++ 2M", "", dialect)]


def test_an_unknown_sampler_is_told_and_ours_is_kept():
    def refuse(name, schedule, version):
        raise NotFound("sampler", name, ["Euler a"])

    request, told = read_infotext(GOOD, BASE, resolve_sampler=refuse)
    assert request.sampling.sampler == BASE.sampling.sampler
    assert told == ["No sampler called 'Euler a'. Did you mean 'Euler a'?"]


def test_the_model_is_named_by_stem_and_hash():
    text = f"{GOOD}, Model hash: fe1e97aec4, Model: tiny"
    assert read(text).models.checkpoint == "tiny [fe1e97aec4]"
    found = read(text, resolve_checkpoint=lambda name, digest: f"{name}.safetensors [{digest}]")
    assert found.models.checkpoint == "tiny.safetensors [fe1e97aec4]"


def test_a_missing_model_is_told_and_ours_is_kept():
    base = replace_at(BASE, "models.checkpoint", "mine")
    text = f"{GOOD}, Model: theirs"
    assert read(text, base, resolve_checkpoint=lambda name, digest: None) == read(GOOD, base)
    assert "theirs" in notices(text, base, resolve_checkpoint=lambda name, digest: None)[0]


def test_keys_can_be_skipped():
    request = read(GOOD, skip=("Seed", "Size", "Clip skip"))
    assert request.seeds.seed == -1
    assert request.size == BASE.size
    assert request.text.clip_skip == 1


def test_old_versions_switch_on_old_behaviour():
    text = "[a:b:5]\nSteps: 20, Sampler: DDIM, Seed: 1, Version: v1.5.2"
    request, told = read_infotext(text, BASE)
    assert request.text.old_scheduling
    assert request.text.pad_cond_uncond_v0
    assert request.options.downcast_alphas
    assert "v1.5.2" in told[0]
    plain, none_told = read_infotext(text, BASE, old_versions=False)
    assert not plain.text.old_scheduling
    assert none_told == []


def test_hires_and_img2img_are_told_apart():
    hires = read(f"{GOOD}, Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Lanczos")
    assert hires.hires == Hires(scale=1.5, upscaler="Lanczos", denoising_strength=0.5)
    text = f"{GOOD}, Denoising strength: 0.25"
    base = replace_at(BASE, "img2img", Img2Img())
    assert read(text, base).img2img == Img2Img(denoising_strength=0.25)
    assert read(text).hires is None
    assert "another picture" in notices(text)[0]


@pytest.mark.parametrize(
    "bad",
    [
        "Clip skip: 99",
        "Clip skip: many",
        "Eta: nan",
        "ENSD: 1e999",
        "Emphasis: Loud",
        "Pad conds: maybe",
        "Steps: " + "9" * 5000,
        "Size: 1x1",
    ],
)
def test_values_that_cannot_be_used_are_told(bad):
    request, told = read_infotext(f"{GOOD}, {bad}", BASE)
    request.check()
    assert len(told) == 1
    assert len(told[0]) < 200


def test_misspelt_keys_of_the_reference_are_known():
    assert read("a\nSteps: 1, Seed: 1, SGM noise multplier: True").options.sgm_noise_multiplier


BLOCKS = [
    "Positive prompt: a cat\nNegative prompt: bad\nSteps: 30, Sampler: Euler a, "
    "Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, Clip skip: 2",
    "Prompt: a cat\n\nNegative prompt: bad\n\nSteps: 30\nSampler: Euler a\n"
    "Schedule type: Karras\nCFG scale: 7\nSeed: 5\nSize: 512x768\nClip skip: 2\n",
    "Positive Prompt:\na cat\nNegative prompt:\nbad\nSteps: 30, Sampler: Euler a,\n"
    "Schedule type: Karras, CFG scale: 7,\nSeed: 5, Size: 512x768, Clip skip: 2",
    "```\na cat\nNegative: bad\nSampling steps: 30\nSampling method: Euler a\nScheduler: Karras\n"
    "CFG Scale: 7\nSeed: 5\nResolution: 512 × 768\nClip Skip: 2\n```",
    "positive prompt: a cat\r\nnegative prompt: bad\r\nsteps: 30, sampler: Euler a, "
    "schedule type: Karras, cfg scale: 7, seed: 5, size: 512x768, clip skip: 2\r\n",
    "a cat\nNegative prompt: bad\nSeed: 5\nSize: 512x768\nSampler: Euler a, Steps: 30\n"
    "Schedule type: Karras, CFG scale: 7, Clip skip: 2",
]


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_from_blogs_paste_like_the_original(block):
    assert read(block) == read(GOOD)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_recipe_of_ours_with_such_a_prompt_stays_as_it_is(block):
    prompt = "\n".join(line.strip() for line in block.removeprefix("Positive p").split("\n"))
    prompt = prompt.replace("Negative prompt:", "negative:").replace("Positive Prompt", "Pos")
    prompt = prompt.replace("positive prompt", "pos").strip()
    assert read(recipe(GenerationRequest(prompt=prompt))).prompt == prompt


def recipe(request):
    picture = GeneratedImage(
        index=0,
        seed=request.seeds.seed,
        subseed=request.seeds.subseed,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.size.width,
        height=request.size.height,
    )
    return write_infotext(request, picture, version="easel-v0.1.0")


def case_infotexts():
    images = [image for case in RESULTS.values() for image in case["images"]]
    return [image["infotext"] for image in images if image["infotext"]]


def test_reference_recipes_are_written_again_as_they_were():
    """Except for what only the drawing knows, which comes back as facts."""
    known = ("Model hash", "Model", "Pad conds v0", "TI hashes", "Lora hashes", "Emphasis")
    later = ("Hires", "Mask", "Inpaint", "Extra noise", "Denoising")
    checked = 0
    for text in case_infotexts():
        found = parse_infotext(text)
        if any(key.startswith(later) for key in found):
            continue
        request = read(text, resolve_sampler=lambda name, schedule, version: (name, schedule))
        facts = tuple((key, found[key]) for key in known if key in found)
        picture = GeneratedImage(
            index=0,
            seed=request.seeds.seed,
            subseed=request.seeds.subseed,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.size.width,
            height=request.size.height,
            facts=facts,
        )
        again = write_infotext(request, picture, version=found["Version"])
        if "Schedule type" in found:  # 1.8 gave the manual schedule a later place
            assert parse_infotext(again) == found
        else:
            assert again == text
        checked += 1
    assert checked > 40


WORDS = ["a", "cat,", "(b:1.2)", "[x:y:0.5]", "日本語", '"q"', "\\", "Steps: 3", ":", "é🐈", "{z}"]


def random_prompt(source):
    lines = (" ".join(source.choices(WORDS, k=source.randrange(6))) for _ in range(3))
    return "\n".join(line for line in lines if line)


def random_value(source, item):
    choices = item.param.choices
    if isinstance(choices, tuple) and choices:
        return source.choice(choices)
    if item.type is bool:
        return source.random() < 0.5
    low, high = item.param.minimum, item.param.maximum
    if item.type is int:
        return source.randint(int(low), int(min(high, 2**40)))
    if item.param.choices in ("samplers", "schedules"):
        return source.choice(["Euler a", "DPM++ 2M", "karras", "a: b, c"])
    if item.type is str:
        return source.choice(["Euler a", "DPM++ 2M", "a, b: c", 'say "x", y', "1x2", "model.pt"])
    return source.choice([low, high, source.uniform(low, min(high, 100)), 1.0])


def from_picture(soft):
    return {"img2img": Img2Img(inpaint=Inpaint(soft=soft))}


def random_request(source):
    request = GenerationRequest(
        prompt=random_prompt(source),
        negative_prompt=random_prompt(source),
        **source.choice([{}, {"hires": Hires()}, *map(from_picture, (None, SoftInpaint()))]),
    )
    if request.hires and source.random() < 0.5:
        request = replace_at(request, "hires.resize_y", source.randrange(16384))
    skipped = {"Denoising strength", "Variation seed", *DRAWING_KNOWS}
    for item in params_of(GenerationRequest):
        parent = item.path.rpartition(".")[0]
        if not item.param.infotext or item.param.infotext in skipped:
            continue
        if (not parent or get_at(request, parent) is not None) and source.random() < 0.4:
            request = replace_at(request, item.path, random_value(source, item))
    if source.random() < 0.5:
        request = replace_at(request, "seeds.subseed", source.randrange(2**40))
    else:
        request = replace_at(request, "seeds.subseed_strength", 0.0)
    return request


@pytest.mark.parametrize("seed", range(4))
def test_every_request_survives_writing_and_reading(seed):
    check_round_trips(random.Random(seed), 150)


@pytest.mark.slow
def test_ten_thousand_requests_survive_writing_and_reading():
    check_round_trips(random.Random(10), 10_000)


def check_round_trips(source, count):
    for _ in range(count):
        request = normal(random_request(source))
        again, told = read_infotext(recipe(request), blank(request))
        assert told == []
        assert again == request


def blank(request):
    """The form of the tab that drew it: what is no part of a recipe stays."""
    return GenerationRequest(img2img=request.img2img and Img2Img(inpaint=Inpaint()))


def normal(request):
    """A request without the differences that make no difference to the picture."""
    if not request.seeds.subseed_strength:
        request = replace_at(request, "seeds.subseed", -1)
    if request.options.eta == 1:
        request = replace_at(request, "options.eta", None)
    if request.options.step_cache == 1:
        request = replace_at(request, "options.step_cache_depth", 1)
        request = replace_at(request, "options.step_cache_start", 0.0)
    again = request.token_merging(second_pass=True) if request.hires else 0.0
    request = replace_at(request, "options.token_merging_hr", again)
    if request.hires and request.hires.resize_y:
        request = replace_at(request, "hires.scale", 2.0)
    if request.img2img and request.img2img.inpaint.area != "Only masked":
        request = replace_at(request, "img2img.inpaint.padding", 32)
    if request.img2img and not request.img2img.inpaint.is_soft:
        request = replace_at(request, "img2img.inpaint.soft", None)
    if request.models.vae in ("", "None"):
        request = replace_at(request, "models.vae", "Automatic")
    return request


def test_random_texts_never_raise_and_give_valid_requests():
    check_random_texts(random.Random(3), 1000)


@pytest.mark.slow
def test_ten_thousand_random_texts_never_raise_and_give_valid_requests():
    check_random_texts(random.Random(4), 10_000)


def check_random_texts(source, count):
    pieces = ["Steps: ", ", ", "\n", '"', ":", "Size: 64x64", "First pass size-1: x", "nan", "-1"]
    pieces += [f"{item.param.infotext}: " for item in params_of(GenerationRequest)]
    pieces += ["Negative prompt:", "Version: v1.5", "\ud800", "[", "True", "1e999", "7", "Prompt:"]
    for _ in range(count):
        text = "".join(source.choices(pieces, k=source.randrange(25)))
        request, _told = read_infotext(text, BASE)
        request.check()
        request.prompt.encode("utf-8")
        fill_defaults(parse_infotext(text))
