"""Conditioning, against the tensors recorded from A1111's webui 1.8 and its documented rules."""

import json
import re
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning import conditioner as conditioner_room
from modules.conditioning import reader as room
from modules.conditioning.conditioner import Conditioner
from modules.conditioning.options import ConditioningOptions
from modules.conditioning.reader import ClipReader
from modules.conditioning.textual_inversion import Embedding, Embeddings
from modules.errors import NotFound
from modules.schema.request import TextOptions

SECOND_ORDER = {"Heun", "DPM++ 2S a", "DPM++ 2S a Karras", "DPM++ SDE Karras"}
RECORDED_CONDS = [
    "emphasis_ignore",
    "prompt_alternate",
    "prompt_and_batch",
    "prompt_clip_skip2",
    "prompt_long",
    "prompt_schedule_ge1",
    "prompt_schedule_secondorder",
    "prompt_unbalanced",
    "sampler_euler_a",
    "sampler_heun",
]
LONG = "cat " * 80


def case_of(parity, name):
    cases = json.loads((parity / "cases.json").read_text("utf-8"))
    return next(case["payload"] for case in cases if case["id"] == name)


def tensors_by_name(conditioning, prefix=""):
    found = {}
    for image, parts in enumerate(conditioning.parts):
        for number, (part, weight) in enumerate(parts):
            for end, tensor in part.entries:
                name = f"{prefix}cond.b{image}.and{number}.w{weight:g}.until{end}.0"
                found[name] = tensor
        for end, tensor in conditioning.uncond[image].entries:
            found[f"{prefix}uncond.b{image}.until{end}.0"] = tensor
    return found


@pytest.mark.parametrize("name", RECORDED_CONDS)
def test_conds_are_those_of_the_reference(conditioner, parity, name):
    payload = case_of(parity, name)
    settings = payload["override_settings"]
    images = payload.get("batch_size", 1)
    conditioning = conditioner.conditions(
        [payload["prompt"]] * images,
        [payload["negative_prompt"]] * images,
        steps=payload["steps"] * (2 if payload["sampler_name"] in SECOND_ORDER else 1),
        options=ConditioningOptions(
            clip_skip=settings.get("CLIP_stop_at_last_layers", 1),
            emphasis=settings.get("emphasis", "Original"),
        ),
    )
    found = tensors_by_name(conditioning)
    recorded = {
        key: tensor
        for key, tensor in load_file(parity / f"raw/{name}.safetensors").items()
        if re.match(r"(un)?cond\.", key)
    }
    assert set(found) == set(recorded)
    for key, tensor in recorded.items():
        torch.testing.assert_close(found[key], tensor, atol=1e-5, rtol=0, msg=f"{name} {key}")


def test_conds_of_the_hires_pass_are_those_of_the_reference(conditioner, parity):
    payload = case_of(parity, "hr_steps_prompts")
    recorded = load_file(parity / "raw/hr_steps_prompts.safetensors")
    conditioning = conditioner.conditions(
        [payload["hr_prompt"]],
        [payload["hr_negative_prompt"]],
        steps=payload["steps"],
        hires_steps=payload["hr_second_pass_steps"],
    )
    found = tensors_by_name(conditioning, "hr_")
    assert set(found) == {key for key in recorded if key.startswith(("hr_cond", "hr_uncond"))}
    for key, tensor in found.items():
        torch.testing.assert_close(tensor, recorded[key], atol=1e-5, rtol=0)


@pytest.mark.parametrize("skip", [1, 2])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("weights", "a (cat:1.4) on a [red] chair, ((detailed))"),
        ("long", None),
    ],
)
def test_weighted_and_long_prompts_are_those_of_the_reference(
    conditioner, parity, name, text, skip
):
    text = text or case_of(parity, "prompt_long")["prompt"]
    recorded = load_file(parity / "units/modules.safetensors")[f"clip.{name}.skip{skip}"]
    encoded = conditioner.encode_schedule(text, 8, ConditioningOptions(clip_skip=skip))
    torch.testing.assert_close(encoded.tensors[0], recorded[0], atol=1e-5, rtol=0)


def test_versions_of_a_prompt_share_one_scale(conditioner):
    together = conditioner.encode_schedule("(a:1.5) [cat|(dog:2)]", 4)
    alone = conditioner.encode_schedule("(a:1.5) cat", 4)
    ratio = together.tensors[0] / alone.tensors[0]
    assert ratio.std() < 1e-4
    assert abs(ratio.mean() - 1) > 1e-4


def test_repeated_versions_count_as_often_as_they_are_used_for_the_mean(conditioner):
    options = ConditioningOptions()
    three_steps = conditioner.encode_schedule("(a:3) [cat|(dog:2)]", 3, options).tensors
    texts = ["(a:3) cat", "(a:3) (dog:2)", "(a:3) cat"]
    plain = [
        conditioner.encode_schedule(text, 1, ConditioningOptions(emphasis="No norm")).tensors[0]
        for text in texts
    ]
    unweighted = [
        conditioner.encode_schedule(text, 1, ConditioningOptions(emphasis="Ignore")).tensors[0]
        for text in texts
    ]
    scale = torch.stack(unweighted).mean() / torch.stack(plain).mean()
    torch.testing.assert_close(three_steps[1], plain[1] * scale, atol=1e-4, rtol=1e-4)


def test_shorter_versions_are_filled_with_empty_chunks(conditioner):
    options = ConditioningOptions(emphasis="Ignore")
    encoded = conditioner.encode_schedule(f"a [cat:{LONG}:2]", 4, options)
    assert [tensor.shape for tensor in encoded.tensors] == [(154, 64)] * 2
    empty = conditioner.encode_schedule("", 4, options).tensors[0]
    torch.testing.assert_close(encoded.tensors[0][77:], empty, atol=1e-5, rtol=0)


def test_an_unchanged_prompt_is_not_encoded_again(conditioner, monkeypatch):
    calls = []
    encode = room.encode_clip
    monkeypatch.setattr(
        room, "encode_clip", lambda *args, **kwargs: calls.append(1) or encode(*args, **kwargs)
    )
    first = conditioner.conditions(["a AND b", "a"], ["", ""], steps=4)
    assert len(calls) == 3
    again = conditioner.conditions(["a AND b", "a"], ["", ""], steps=4)
    assert len(calls) == 3
    assert torch.equal(first.at(0).cond, again.at(0).cond)

    conditioner.conditions(["a"], [""], steps=4, weights_key=("lora", 0.5))
    assert len(calls) == 5
    conditioner.encode_schedule("a", 4, ConditioningOptions(clip_skip=2))
    assert len(calls) == 6
    conditioner.embeddings = Embeddings({"a": Embedding("a", {"clip_l": torch.ones(1, 64)})})
    conditioner.encode_schedule("a", 4)
    assert len(calls) == 7
    conditioner.forget()
    conditioner.encode_schedule("a", 4)
    assert len(calls) == 8


def test_the_same_words_for_other_steps_are_not_encoded_again(conditioner):
    conditioner.forget()
    encoded, reused = conditioner.encoded, conditioner.reused
    few = conditioner.encode_schedule("a [cat:dog:0.5]", 4)
    many = conditioner.encode_schedule("a [cat:dog:0.5]", 8)
    assert (conditioner.encoded - encoded, conditioner.reused - reused) == (1, 1)
    assert (few.ends, many.ends) == ((2, 4), (4, 8))
    assert all(one is other for one, other in zip(few.tensors, many.tensors, strict=True))
    assert conditioner.encode_schedule("a [cat:dog:0.5]", 4) is few
    assert conditioner.encode_schedule("a [cat:dog:0.5]", 8) is many


def test_encoders_are_only_fetched_for_what_is_not_known(conditioner):
    conditioner.forget()
    fetched = []

    @contextmanager
    def ready():
        fetched.append(1)
        yield

    for _ in range(2):
        conditioner.conditions(["a", "a"], ["", ""], steps=4, ready=ready)
        assert len(fetched) == 2  # the prompt and the negative, once for the job


def test_the_cache_does_not_grow_without_bound(conditioner, monkeypatch):
    monkeypatch.setattr(conditioner_room, "CACHED_PROMPTS", 2)
    for text in ("a", "b", "c"):
        conditioner.encode_schedule(text, 1)
    assert len(conditioner._cache) == len(conditioner._read) == 2


def test_each_step_has_the_parts_and_weights_of_every_image(conditioner):
    conditioning = conditioner.conditions(["a AND b:0.5", f"{LONG}"], ["x", "y"], steps=4)
    step = conditioning.at(0)
    assert step.cond.shape == (3, 154, 64)
    assert step.weights == ((1.0, 0.5), (1.0,))
    assert step.part_images == [0, 0, 1]
    assert step.uncond.shape == (2, 77, 64)
    assert [[weight for _, weight in image] for image in step.images] == [[1.0, 0.5], [1.0]]
    last = step.cond[0, 76]
    assert torch.equal(step.cond[0, 77:], last.expand(77, -1))


def test_steps_with_the_same_text_share_one_result(conditioner):
    conditioning = conditioner.conditions(["[cat:dog:2]"], [""], steps=4)
    steps = [conditioning.at(k) for k in range(4)]
    assert steps[0] is steps[1] is steps[2]
    assert steps[3] is not steps[0]


def test_results_of_many_different_steps_are_not_all_kept(conditioner):
    prompt = "[" + "|".join(f"a {'b' * number}" for number in range(20)) + "]"
    conditioning = conditioner.conditions([prompt], [""], steps=20)
    first = conditioning.at(0)
    for evaluation in range(20):
        conditioning.at(evaluation)
    assert len(conditioning._steps) <= conditioner_room.KEPT_STEPS
    assert torch.equal(conditioning.at(0).cond, first.cond)


def test_negative_prompts_are_scheduled_but_not_split(conditioner):
    conditioning = conditioner.conditions(["a"], ["[x:y:1] AND z:2"], steps=4)
    assert [end for end, _ in conditioning.uncond[0].entries] == [1, 4]
    whole = conditioner.encode_schedule("y AND z:2", 4).tensors[0]
    torch.testing.assert_close(conditioning.at(3).uncond[0], whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("prompt", "negative"), [(LONG, "x"), ("x", LONG)])
def test_padding_with_the_empty_prompt(conditioner, prompt, negative):
    options = ConditioningOptions(padding="empty")
    step = conditioner.conditions([prompt], [negative], steps=4, options=options).at(0)
    assert step.cond.shape == step.uncond.shape == (1, 154, 64)
    assert step.padded
    shorter = step.uncond if prompt == LONG else step.cond
    empty = conditioner.encode_schedule("", 4).tensors[0]
    assert torch.equal(shorter[0, 77:], empty)


def test_v0_padding_repeats_the_last_token_or_cuts_the_negative_prompt(conditioner):
    options = ConditioningOptions(padding="v0")
    longer = conditioner.conditions([LONG], ["x"], steps=4, options=options).at(0)
    assert torch.equal(longer.uncond[0, 77:], longer.uncond[0, 76].expand(77, -1))
    shorter = conditioner.conditions(["x"], [LONG], steps=4, options=options).at(0)
    whole = conditioner.encode_schedule(LONG, 4).tensors[0]
    assert torch.equal(shorter.uncond[0], whole[:77])
    assert longer.padded
    assert shorter.padded


def test_nothing_is_padded_where_lengths_agree_or_no_padding_is_asked_for(conditioner):
    for padding in ("none", "empty", "v0"):
        options = ConditioningOptions(padding=padding)
        assert not conditioner.conditions(["a"], ["b"], steps=4, options=options).at(0).padded
    step = conditioner.conditions([LONG], ["x"], steps=4).at(0)
    assert (step.cond.shape[1], step.uncond.shape[1], step.padded) == (154, 77, False)


def test_embeddings_used_are_named_in_order(conditioner):
    conditioning = conditioner.conditions(["ptemb tinyemb"], ["bad-tiny_neg, ptemb"], steps=4)
    assert conditioning.embeddings == ["ptemb", "tinyemb", "bad-tiny_neg"]


def test_an_embedding_changes_the_encoding(conditioner, encoder):
    without = Conditioner(ClipReader(encoder))
    a, b = (it.encode_schedule("tinyemb", 4).tensors[0] for it in (conditioner, without))
    assert not torch.equal(a, b)


def test_brackets_are_noticed_where_they_reach_the_encoder(conditioner):
    assert conditioner.encode_schedule("(a)", 4).has_brackets
    assert not conditioner.encode_schedule("[a:b:2]", 4).has_brackets


def test_the_old_emphasis_reads_brackets_among_tokens(conditioner):
    old = ConditioningOptions(old_emphasis=True)
    same = conditioner.encode_schedule("((cat)) dog", 4, old).tensors[0]
    new = conditioner.encode_schedule("((cat)) dog", 4).tensors[0]
    torch.testing.assert_close(same, new, atol=1e-5, rtol=0)
    assert conditioner.encode_schedule(LONG, 4, old).tensors[0].shape == (77, 64)


def test_the_novelai_syntax_has_weights_of_its_own(conditioner):
    options = ConditioningOptions(syntax="NovelAI")
    novelai = conditioner.encode_schedule("{{cat}} dog", 4, options).tensors[0]
    standard = conditioner.encode_schedule("(cat:1.1025) dog", 4).tensors[0]
    torch.testing.assert_close(novelai, standard, atol=1e-5, rtol=0)


def test_modes_that_do_not_exist_are_refused(conditioner):
    with pytest.raises(NotFound, match="Original"):
        conditioner.encode_schedule("a", 4, ConditioningOptions(emphasis="original"))
    with pytest.raises(NotFound, match="NovelAI"):
        conditioner.encode_schedule("a", 4, ConditioningOptions(syntax="Novel AI"))


def test_options_are_taken_from_a_request():
    assert ConditioningOptions.of(TextOptions()) == ConditioningOptions()
    both = TextOptions(pad_cond_uncond=True, pad_cond_uncond_v0=True, clip_skip=2)
    assert ConditioningOptions.of(both) == ConditioningOptions(padding="v0", clip_skip=2)
    one = ConditioningOptions.of(TextOptions(pad_cond_uncond=True))
    assert one.padding == "empty"
