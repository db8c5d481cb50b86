"""Pictures of InvokeAI, Fooocus and ComfyUI."""

import json
import random
from typing import Any

import pytest

from modules.sampling.catalogue import find_schedule, resolve_sampler
from modules.schema.foreign.readers import foreign_recipe
from modules.schema.foreign.values import SAMPLERS, SCHEDULES
from modules.schema.infotext_parse import parse_infotext

INVOKE = {
    "positive_prompt": "a cat, red",
    "negative_prompt": "dog",
    "width": 512,
    "height": 768,
    "seed": 7,
    "cfg_scale": 7.5,
    "steps": 30,
    "scheduler": "dpmpp_2m_k",
    "clip_skip": 1,
    "rand_device": "cpu",
    "model": {"name": "dreams", "hash": "blake3:00"},
    "loras": [{"model": {"name": "fur"}, "weight": 0.75}],
}
FOOOCUS = {
    "prompt": "a cat",
    "negative_prompt": "",
    "steps": 30,
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "42",
    "resolution": "(1152, 896)",
    "guidance_scale": 4,
    "base_model": "juggernaut.safetensors",
    "base_model_hash": "aeb7e9e689",
    "loras": [["offset.safetensors", 0.1, "abc"], ["None", 1.0, ""]],
}
COMFY = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5,
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "euler_ancestral",
            "scheduler": "normal",
            "positive": ["8", 0],
            "negative": ["7", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.ckpt"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 640, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "dog"}},
    "8": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 1}},
    "9": {"class_type": "LoraLoader", "inputs": {"lora_name": "fur.pt", "strength_model": 0.5}},
}


def found(texts: dict[str, str], **wanted: str) -> None:
    parsed = parse_infotext(foreign_recipe(texts))
    assert {key.replace("_", " "): parsed.get(key.replace("_", " ")) for key in wanted} == {
        key.replace("_", " "): value for key, value in wanted.items()
    }


def test_invoke_ai() -> None:
    found(
        {"invokeai_metadata": json.dumps(INVOKE)},
        Prompt="a cat, red <lora:fur:0.75>",
        Negative_prompt="dog",
        Steps="30",
        Sampler="DPM++ 2M",
        Schedule_type="Karras",
        CFG_scale="7.5",
        Seed="7",
        Model="dreams",
        Clip_skip="2",
        RNG="CPU",
    )


def test_fooocus() -> None:
    texts = {"fooocus_scheme": "fooocus", "parameters": json.dumps(FOOOCUS)}
    found(
        texts,
        Prompt="a cat <lora:offset:0.1>",
        Sampler="DPM++ 2M SDE",
        Schedule_type="Karras",
        Seed="42",
        Model="juggernaut",
        Model_hash="aeb7e9e689",
    )
    assert parse_infotext(foreign_recipe(texts))["Size-1"] == "1152"


def test_comfy_ui() -> None:
    texts = {"prompt": json.dumps(COMFY), "workflow": "{}"}
    found(
        texts,
        Prompt="a cat <lora:fur:0.5>",
        Negative_prompt="dog",
        Sampler="Euler a",
        Schedule_type="Normal",
        Model="sd15",
        RNG="CPU",
    )
    assert parse_infotext(foreign_recipe(texts))["Size-2"] == "512"


def test_every_name_is_one_of_ours() -> None:
    for name in SAMPLERS.values():
        resolve_sampler(name)
    for name in SCHEDULES.values():
        find_schedule(name)


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"prompt": "a cat"},
        {"prompt": "[]"},
        {"prompt": "{}"},
        {"parameters": '{"prompt": "x"}'},
    ],
)
def test_other_texts_are_no_recipe(texts: dict[str, str]) -> None:
    assert foreign_recipe(texts) == ""


def damaged(source: random.Random, value: Any) -> Any:
    """The same with parts replaced by what does not belong there."""
    if source.random() < 0.15:
        return source.choice([None, 3, "x", [], {}, True, [["9", 0]], -1.5])
    if isinstance(value, dict):
        return {key: damaged(source, one) for key, one in value.items()}
    if isinstance(value, list):
        return [damaged(source, one) for one in value]
    return value


@pytest.mark.parametrize(
    ("key", "whole"), [("invokeai_metadata", INVOKE), ("parameters", FOOOCUS), ("prompt", COMFY)]
)
def test_damaged_data_never_raise(key: str, whole: dict[str, Any]) -> None:
    source = random.Random(1)
    for _ in range(500):
        texts = {"fooocus_scheme": "fooocus", key: json.dumps(damaged(source, whole))}
        parse_infotext(foreign_recipe(texts))


def test_a_graph_in_a_circle_ends() -> None:
    circle = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["2", 0]}},
        "2": {"class_type": "Pass", "inputs": {"a": ["2", 0], "b": ["2", 0]}},
    }
    assert "Steps: 20" in foreign_recipe({"prompt": json.dumps(circle)})
