"""The recipe in a picture's texts, whichever program wrote them, and what of it has no place here.

What they say can be read; the same pixels are not promised, because they compute otherwise.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from modules.schema.foreign.comfy import read_graph, read_workflow
from modules.schema.foreign.invoke import read_dream, read_metadata, read_old
from modules.schema.foreign.tables import read_diffusers, read_fooocus, read_swarm
from modules.schema.foreign.values import Facts, Reading, short
from modules.schema.infotext import BASE_KEYS, EXTRA_KEYS, recipe_fields
from modules.schema.infotext_novelai import is_novelai, novelai_recipe
from modules.schema.infotext_parse import find_pairs, unquote

Reader = Callable[[Mapping[str, Any]], Reading | None]

READERS: tuple[tuple[str, Reader], ...] = (
    ("parameters", read_swarm),
    ("UserComment", read_swarm),
    ("invokeai_metadata", read_metadata),
    ("sd-metadata", read_old),
    ("prompt", read_graph),
    ("workflow", read_workflow),
    ("parameters", read_fooocus),
    ("UserComment", read_fooocus),
    ("parameters", read_diffusers),
    ("UserComment", read_diffusers),
)
"""Where each program keeps its JSON in a picture's texts."""

NOVELAI_USED = frozenset(
    [
        "prompt",
        "uc",
        "steps",
        "sampler",
        "seed",
        "scale",
        "width",
        "height",
        "noise_schedule",
        "v4_prompt",
        "v4_negative_prompt",
        "n_samples",
        "request_type",
        "signed_hash",
        "version",
    ]
)
ALWAYS_KNOWN = frozenset(
    {
        *BASE_KEYS,
        *EXTRA_KEYS,
        *("Prompt", "Negative prompt", "Version", "User", "Hashes", "App", "First pass size"),
        *("Hires resize", "Hypernet", "Hypernet strength", "Hypernet hash", "Size", "Template"),
        *("Negative Template", "Operations", "Pipeline", "Batch size", "Batch pos", "Eta"),
        *("Raw prompt", "Raw negative prompt", "Civitai resources", "Civitai metadata"),
    }
)
"""Keys that are understood, that say nothing about pixels, or that others say again."""


def read_foreign(texts: Mapping[str, str]) -> Reading | None:
    """Read another program's metadata; None if these texts are of no program that is known."""
    if is_novelai(texts):
        return _novelai(texts)
    for key, read in READERS:
        found = read(table) if (table := _table(texts.get(key, ""))) else None
        if found and found.infotext:
            return found
    if "num_inference_steps" in texts:  # every argument is a text of its own
        return read_diffusers(texts)
    if texts.get("Dream"):
        return read_dream(texts["Dream"])
    return None


def foreign_recipe(texts: Mapping[str, str]) -> str:
    """The recipe in the texts of another program's picture; "" if it is none of those known."""
    found = read_foreign(texts)
    return found.infotext if found else ""


def read_plain(text: str) -> Reading:
    """Tell who wrote a recipe in A1111's form, and which of its keys mean nothing here."""
    found = {key: unquote(value) for key, value in find_pairs(text.strip().rpartition("\n")[2])}
    if "Steps" not in found and "Sampler" not in found:
        return Reading(program="", infotext=text)
    program = _program(found)
    if program in ("Easel", ""):
        return Reading(program=program, infotext=text)
    if program == "SD.Next":
        text, found = _from_sdnext(text, found)
    known = ALWAYS_KNOWN | recipe_fields().keys()
    left = (f"{key}: {short(value)}" for key, value in found.items() if key not in known)
    return Reading(program=program, infotext=text, unmapped=tuple(left))


def _program(found: Mapping[str, str]) -> str:
    """Whose recipe this is, by the keys of its last line."""
    version = found.get("Version", "")
    if version.startswith("easel-"):
        return "Easel"
    if found.get("App", "").lower() in ("sd.next", "sdnext") or "Parser" in found:
        return "SD.Next"
    if "Fooocus" in version:
        return "Fooocus"
    if any(key.startswith("Civitai") for key in found):
        return "Civitai"
    return "Forge" if version[:1] == "f" else "A1111"


def _from_sdnext(text: str, found: dict[str, str]) -> tuple[str, dict[str, str]]:
    """SD.Next's names for what A1111 has, too."""
    head, newline, line = text.strip().rpartition("\n")
    names = {"Sampler schedule: ": "Schedule type: ", "CFG rescale: ": "CFG Rescale φ: "}
    for theirs, ours in names.items():
        line = line.replace(theirs, ours)
    for name in ("karras", "exponential", "beta"):
        line = line.replace(f"Schedule type: {name}", f"Schedule type: {name.capitalize()}")
    taken = {theirs.removesuffix(": ") for theirs in names}
    return head + newline + line, {key: value for key, value in found.items() if key not in taken}


def _novelai(texts: Mapping[str, str]) -> Reading | None:
    text = novelai_recipe(texts)
    if not text:
        return None
    facts = Facts(_table(texts.get("Comment", "")))
    return Reading(program="NovelAI", infotext=text, unmapped=facts.left(NOVELAI_USED))


def _table(text: str) -> dict[str, Any]:
    """JSON of a table; empty if it is anything else, or damaged."""
    if not text.lstrip().startswith("{"):
        return {}
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
