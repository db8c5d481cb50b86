"""InvokeAI's metadata: the JSON of today, that of its first releases, and the command line before.

The oldest form, `Dream`, is also what command lines of the first release's descendants wrote.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from modules.schema.foreign.values import (
    Facts,
    Pairs,
    Reading,
    lora_marks,
    model_name,
    number_of,
    plain_name,
    size,
    tables_of,
    text_of,
    written,
)

PROGRAM = "InvokeAI"
QUIET = ("app_version", "generation_mode", "rand_device", "strength", "positive_style_prompt")
QUIET_OLD = ("app_id", "app_version", "model", "model_hash", "model_id")
NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
SWITCHES = {
    "-s": "steps",
    "--steps": "steps",
    "-S": "seed",
    "--seed": "seed",
    "-W": "width",
    "--width": "width",
    "-H": "height",
    "--height": "height",
    "-C": "cfg",
    "--cfg_scale": "cfg",
    "-A": "sampler",
    "--sampler": "sampler",
    "-f": "strength",
    "--strength": "strength",
}
"""Of the command line; others are told as what could not be used."""


def read_metadata(table: Mapping[str, Any]) -> Reading | None:
    """Read `invokeai_metadata`; None if it is something else."""
    facts = Facts(table)
    if not facts.text("positive_prompt") and "scheduler" not in facts:
        return None
    loras = (
        (model_name(one.get("model") or one.get("lora")), one.get("weight"))
        for one in tables_of(facts.take("loras"))
    )
    prompt = facts.text("positive_prompt") + lora_marks(loras)
    text = written(prompt, facts.text("negative_prompt"), _pairs(facts))
    return Reading(program=PROGRAM, infotext=text, unmapped=facts.left(QUIET))


def _pairs(facts: Facts) -> Pairs:
    yield "Steps", facts.number("steps", otherwise=30)
    yield from facts.sampler(facts.text("scheduler"))
    yield "CFG scale", facts.number("cfg_scale", otherwise=7)
    yield "Seed", facts.number("seed")
    yield from size(facts.take("width"), facts.take("height"))
    yield "Model", plain_name(model_name(facts.take("model")))
    yield "VAE", model_name(facts.take("vae"))
    skipped = facts.number("clip_skip", otherwise=0)
    yield "Clip skip", int(skipped) + 1 if skipped else None
    yield "RNG", "CPU" if facts.text("rand_device") == "cpu" else None
    yield "CFG Rescale φ", facts.number("cfg_rescale_multiplier", otherwise=0) or None
    seamless = (facts.take("seamless_x"), facts.take("seamless_y"))
    yield "Tiling", True if seamless == (True, True) else None
    if seamless in ((True, False), (False, True), (True, None), (None, True)):
        facts.told.append("seamless in one direction only")


def read_old(table: Mapping[str, Any]) -> Reading | None:
    """Read `sd-metadata`; None if it is something else."""
    outer = Facts(table)
    facts = outer.part("image")
    prompts = facts.take("prompt")
    if prompts is None:
        return None
    parts = [text_of(one.get("prompt")) for one in tables_of(prompts)] or [text_of(prompts)]
    if len(parts) > 1:
        facts.told.append("several weighted prompts, the first is taken")
    prompt, negative = _without_negative(parts[0])

    def pairs() -> Pairs:
        yield "Steps", facts.number("steps", otherwise=50)
        yield from facts.sampler(facts.text("sampler"))
        yield "CFG scale", facts.number("cfg_scale", otherwise=7.5)
        yield "Seed", facts.number("seed")
        yield from size(facts.take("width"), facts.take("height"))
        yield "Model", plain_name(outer.text("model_weights"))
        yield "RNG", "CPU"

    text = written(prompt, negative, pairs())
    left = (*facts.left(("type",)), *outer.left(QUIET_OLD))
    return Reading(program=PROGRAM, infotext=text, unmapped=left)


def read_dream(line: str) -> Reading | None:
    """Read `Dream`, a command line: the prompt, perhaps in quotes, then switches."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that never ends
        words = line.split()
    if not words or len(line) > 40_000:
        return None
    spoken: list[str] = []
    table: dict[str, Any] = {}
    unknown: list[str] = []
    waiting = iter(words)
    for word in waiting:
        joined = re.fullmatch(r"(-[A-Za-z])([\d.]+|k?_?[a-z_\d]+)", word)
        name, value = joined.groups() if joined else (word, None)
        if name in SWITCHES:
            table[SWITCHES[name]] = value if value is not None else next(waiting, "")
        elif re.fullmatch(r"--?[A-Za-z].*", word) or table or unknown:
            unknown.append(word)
        else:
            spoken.append(word)
    facts = Facts(table)
    prompt, negative = _without_negative(" ".join(spoken))

    def pairs() -> Pairs:
        yield "Steps", facts.number("steps", otherwise=50)
        yield from facts.sampler(facts.text("sampler") or "lms")
        yield "CFG scale", facts.number("cfg", otherwise=7.5)
        yield "Seed", facts.number("seed")
        yield from size(facts.take("width"), facts.take("height"))
        yield "Denoising strength", number_of(facts.take("strength"))

    text = written(prompt, negative, pairs())
    return Reading(program=PROGRAM, infotext=text, unmapped=(*facts.left(), *unknown))


def _without_negative(prompt: str) -> tuple[str, str]:
    """Early prompts had what they did not want in square brackets."""
    negative = ", ".join(found.strip() for found in NEGATIVE.findall(prompt))
    return " ".join(NEGATIVE.sub("", prompt).split()), negative
