"""NovelAI's own metadata, rewritten as a recipe.

Its pictures say `Software: NovelAI` and keep their parameters as JSON in `Comment`. Prompts stay as
they are written, and the recipe names the syntax they are written in.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

SAMPLERS = {
    "k_euler": "Euler",
    "k_euler_ancestral": "Euler a",
    "k_dpmpp_2s_ancestral": "DPM++ 2S a",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_2m_sde": "DPM++ 2M SDE",
    "k_dpmpp_3m_sde": "DPM++ 3M SDE",
    "k_dpmpp_sde": "DPM++ SDE",
    "k_dpm_2": "DPM2",
    "k_dpm_2_ancestral": "DPM2 a",
    "k_dpm_fast": "DPM fast",
    "k_dpm_adaptive": "DPM adaptive",
    "k_heun": "Heun",
    "k_lms": "LMS",
    "ddim": "DDIM",
    "ddim_v3": "DDIM",
    "plms": "PLMS",
}
USUAL_SAMPLER = "Euler a"
SCHEDULES = {
    "karras": "Karras",
    "exponential": "Exponential",
    "polyexponential": "Polyexponential",
}
CONSTANTS = (("Clip skip", 2), ("ENSD", 31337))
"""What NovelAI's first models were drawn with; nowhere in the file."""


def is_novelai(texts: Mapping[str, str]) -> bool:
    """Whether a picture with these texts comes from there."""
    return texts.get("Software") == "NovelAI" and "Comment" in texts


def novelai_recipe(texts: Mapping[str, str]) -> str:
    """The recipe in the texts of a NovelAI picture; "" if its parameters cannot be read.

    A sampler that nobody else has becomes Euler a, as A1111 does it.
    """
    try:
        comment = json.loads(texts.get("Comment", ""))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(comment, dict):
        return ""
    prompt = texts.get("Description") or _text(comment.get("prompt")) or _v4(comment, "v4_prompt")
    negative = _text(comment.get("uc")) or _v4(comment, "v4_negative_prompt")
    lines = [prompt, f"Negative prompt: {negative}" if negative else ""]
    pairs = ", ".join(f"{key}: {value}" for key, value in _parameters(comment))
    return "\n".join(line for line in (*lines, pairs) if line)


def _parameters(comment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "Steps", _number(comment.get("steps"), 28)
    yield "Sampler", SAMPLERS.get(_text(comment.get("sampler")), USUAL_SAMPLER)
    schedule = SCHEDULES.get(_text(comment.get("noise_schedule")))
    if schedule:
        yield "Schedule type", schedule
    yield "CFG scale", _number(comment.get("scale"), 11)
    if _number(comment.get("seed"), None) is not None:
        yield "Seed", comment["seed"]
    width, height = (_number(comment.get(side), None) for side in ("width", "height"))
    if width and height:
        yield "Size", f"{width}x{height}"
    yield from CONSTANTS
    yield "Prompt syntax", "NovelAI"


def _number(value: Any, otherwise: int | None) -> int | float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else otherwise


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _v4(comment: Mapping[str, Any], key: str) -> str:
    """Prompts of the fourth model, which are tables: only the caption of the whole picture."""
    caption: Any = comment
    for name in (key, "caption", "base_caption"):
        caption = caption.get(name) if isinstance(caption, dict) else None
    return _text(caption)
