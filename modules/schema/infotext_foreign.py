"""The metadata of InvokeAI, Fooocus and ComfyUI, rewritten as recipes.

What they say can be read; the same pixels are not promised, because they compute otherwise.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modules.schema.infotext import quote

Pairs = Iterator[tuple[str, Any]]

SAMPLERS = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s": "DPM++ 2S a",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m": "DPM++ 3M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddim": "DDIM",
    "pndm": "PLMS",
    "unipc": "UniPC",
    "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC",
    "lcm": "LCM",
}
"""The nearest of ours; without their endings for a schedule or for noise made on the GPU."""
USUAL_SAMPLER = "Euler"
SCHEDULES = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "turbo": "Turbo",
}
SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|bin|sft)$", re.IGNORECASE)
SIDES = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)")
DEEPEST = 50
"""Nodes that are followed through a graph to find a text."""


def foreign_recipe(texts: Mapping[str, str]) -> str:
    """The recipe in the texts of another program's picture; "" if it is none of those known."""
    for key, read in READERS.items():
        if key == "parameters" and texts.get("fooocus_scheme") != "fooocus":
            continue
        try:
            data = json.loads(texts.get(key, ""))
        except (ValueError, RecursionError):
            continue
        recipe = read(data) if isinstance(data, dict) else ""
        if recipe:
            return recipe
    return ""


def _written(prompt: str, negative: str, pairs: Pairs) -> str:
    line = ", ".join(f"{key}: {quote(value)}" for key, value in pairs if value not in (None, ""))
    lines = (prompt, f"Negative prompt: {negative}" if negative else "", line)
    return "\n".join(line for line in lines if line)


def _sampler(name: str, schedule: str = "") -> Pairs:
    plain = name.removesuffix("_gpu")
    if plain.endswith("_k") and not schedule:
        plain, schedule = plain.removesuffix("_k"), "karras"
    yield "Sampler", SAMPLERS.get(plain, USUAL_SAMPLER)
    yield "Schedule type", SCHEDULES.get(schedule, "Uniform")


def _loras(named: Iterator[tuple[str, Any]]) -> str:
    marks = (
        f"<lora:{SUFFIX.sub('', name.replace(':', ''))}:{_number(weight, 1)}>"
        for name, weight in named
        if name and name != "None"
    )
    return "".join(f" {mark}" for mark in marks)


def _invoke(data: Mapping[str, Any]) -> str:
    prompt = _text(data.get("positive_prompt"))
    if not prompt and "scheduler" not in data:
        return ""
    loras = (
        (_name(one.get("model") or one.get("lora")), one.get("weight"))
        for one in _list(data.get("loras"))
    )

    def pairs() -> Pairs:
        yield "Steps", _number(data.get("steps"), 30)
        yield from _sampler(_text(data.get("scheduler")))
        yield "CFG scale", _number(data.get("cfg_scale"), 7)
        yield "Seed", _number(data.get("seed"), None)
        yield from _size(data.get("width"), data.get("height"))
        yield "Model", SUFFIX.sub("", _name(data.get("model")))
        skipped = _number(data.get("clip_skip"), 0)
        yield "Clip skip", int(skipped) + 1 if skipped else None
        yield "RNG", "CPU" if data.get("rand_device") == "cpu" else None
        yield "CFG Rescale φ", _number(data.get("cfg_rescale_multiplier"), 0) or None

    return _written(prompt + _loras(loras), _text(data.get("negative_prompt")), pairs())


def _fooocus(data: Mapping[str, Any]) -> str:
    sides = SIDES.fullmatch(_text(data.get("resolution")).strip())
    listed = data.get("loras")
    loras = (
        (_text(one[0]), one[1])
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, list) and len(one) >= 2
    )

    def pairs() -> Pairs:
        yield "Steps", _number(data.get("steps"), 30)
        yield from _sampler(_text(data.get("sampler")), _text(data.get("scheduler")))
        yield "CFG scale", _number(data.get("guidance_scale"), 4)
        yield "Seed", _number(data.get("seed"), None)
        yield from _size(*(sides.groups() if sides else (None, None)))
        yield "Model hash", _text(data.get("base_model_hash"))
        yield "Model", SUFFIX.sub("", _text(data.get("base_model")))

    prompt, negative = _text(data.get("prompt")), _text(data.get("negative_prompt"))
    return _written(prompt + _loras(loras), negative, pairs())


def _comfy(graph: Mapping[str, Any]) -> str:
    nodes = {key: node for key, node in graph.items() if isinstance(node, dict)}
    found = (node for node in nodes.values() if "KSampler" in _text(node.get("class_type")))
    sampler = next((node for node in found if isinstance(node.get("inputs"), dict)), None)
    if sampler is None:
        return ""
    inputs = sampler["inputs"]

    def first(kind: str, name: str) -> Any:
        values = (
            node["inputs"].get(name)
            for node in nodes.values()
            if kind in _text(node.get("class_type")) and isinstance(node.get("inputs"), dict)
        )
        return next((value for value in values if value is not None), None)

    def pairs() -> Pairs:
        yield "Steps", _number(inputs.get("steps"), 20)
        yield from _sampler(_text(inputs.get("sampler_name")), _text(inputs.get("scheduler")))
        yield "CFG scale", _number(inputs.get("cfg"), 8)
        yield "Seed", _number(inputs.get("seed", inputs.get("noise_seed")), None)
        yield from _size(first("EmptyLatentImage", "width"), first("EmptyLatentImage", "height"))
        yield "Model", SUFFIX.sub("", _text(first("CheckpointLoader", "ckpt_name")))
        yield "RNG", "CPU"

    loras = (
        (_text(node["inputs"].get("lora_name")), node["inputs"].get("strength_model"))
        for node in nodes.values()
        if "LoraLoader" in _text(node.get("class_type")) and isinstance(node.get("inputs"), dict)
    )
    prompt = _text_behind(nodes, inputs.get("positive"))
    return _written(prompt + _loras(loras), _text_behind(nodes, inputs.get("negative")), pairs())


def _text_behind(nodes: Mapping[str, Any], link: Any) -> str:
    """The text of the node that `link` leads to, through nodes that only pass it on."""
    waiting, seen = [link], 0
    while waiting and seen < DEEPEST:
        link, seen = waiting.pop(0), seen + 1
        if isinstance(link, str):
            return link
        node = nodes.get(str(link[0])) if isinstance(link, list) and link else None
        inputs = node.get("inputs") if node is not None else None
        if isinstance(inputs, dict):
            texts = [
                inputs[name] for name in ("text", "text_g", "string", "value") if name in inputs
            ]
            waiting += texts or [value for value in inputs.values() if isinstance(value, list)]
    return ""


def _size(width: Any, height: Any) -> Pairs:
    sides = [str(side) for side in (width, height)]
    if all(side.isdecimal() for side in sides):
        yield "Size", "x".join(sides)


def _name(model: Any) -> str:
    """A model's name, however it is told."""
    if isinstance(model, dict):
        return _text(model.get("name") or model.get("model_name"))
    return _text(model)


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any, otherwise: float | None) -> int | float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    return value if is_number else otherwise


READERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "parameters": _fooocus,
    "invokeai_metadata": _invoke,
    "prompt": _comfy,
}
"""Where each program keeps its JSON in a picture's texts."""
