"""Recipes as people paste them from blogs and chats, brought into the form programs write.

A text that a program wrote passes unchanged: its last line begins with `Steps:` and no label stands
before the prompt.
"""

import re

from modules.schema.infotext import BASE_KEYS, EXTRA_KEYS
from modules.schema.infotext_parse import NEGATIVE_LABEL, find_pairs

SPELLINGS: dict[str, str] = {
    **{key.lower(): key for key in (*BASE_KEYS, *EXTRA_KEYS)},
    "sampling steps": "Steps",
    "step": "Steps",
    "sampling method": "Sampler",
    "sampler name": "Sampler",
    "scheduler": "Schedule type",
    "cfg": "CFG scale",
    "guidance scale": "CFG scale",
    "guidance": "CFG scale",
    "resolution": "Size",
    "image size": "Size",
    "checkpoint": "Model",
    "clipskip": "Clip skip",
    "denoise": "Denoising strength",
    "hires upscale by": "Hires upscale",
    "beta scheduler alpha": "Beta schedule alpha",
    "beta scheduler beta": "Beta schedule beta",
    "sgm noise multplier": "SGM noise multiplier",
    "version": "Version",
}
"""Other people's words for the keys, in lower case."""

POSITIVE = re.compile(r"(?:positive(?: prompt)?|prompt)\s*:[ \t]*", re.IGNORECASE)
POSITIVE_PROMPT = re.compile(r"positive prompt\s*:[ \t]*", re.IGNORECASE)
NEGATIVE = re.compile(r"negative(?: prompt)?\s*:[ \t]*", re.IGNORECASE)
STEPS = re.compile(r"\s*(?:sampling )?steps\s*:\s*\d", re.IGNORECASE)
SIDES = re.compile(r"(\d+)\s*[xX×*]\s*(\d+)")
BLANK_BEFORE_LABEL = re.compile(rf"(?<=\S)\s*\n{NEGATIVE_LABEL}")
FENCE = re.compile(r"\s*```\w*\s*")
ODD_SPACES = str.maketrans({"\u00a0": " ", "\u200b": None, "\ufeff": None, "：": ":"})


def tidy(text: str) -> str:
    """Bring a pasted block into the three parts of a recipe; what a program wrote stays as it is.

    Programs write the parameters into one line that begins with `Steps:` and names their version.
    """
    lines = text.strip().replace("\r\n", "\n").split("\n")
    pairs = list(find_pairs(lines[-1])) if STEPS.match(lines[-1]) else []
    if any(key == "Version" for key, _ in pairs):
        return _without_label("\n".join(lines), POSITIVE_PROMPT)
    lines = [line.translate(ODD_SPACES) for line in lines if not FENCE.fullmatch(line)]
    start = parameters_from(lines)
    if start is None:
        return _without_label("\n".join(lines), POSITIVE_PROMPT)
    prompts = "\n".join(_negative(line) for line in lines[:start])
    prompts = BLANK_BEFORE_LABEL.sub(f"\n{NEGATIVE_LABEL}", prompts.rstrip())
    line = ", ".join(line.strip().strip(",;").strip() for line in lines[start:] if line.strip())
    return _without_label(prompts, POSITIVE) + "\n" + _spelled(line)


def _without_label(text: str, label: re.Pattern[str]) -> str:
    """Drop the word before the prompt that some sites put there."""
    text = text.lstrip()
    found = label.match(text)
    return text[found.end() :].lstrip() if found else text


def parameters_from(lines: list[str]) -> int | None:
    """Where the parameters of a wrapped or line-by-line block begin; None if there are none.

    They run to the end of the text, begin with a known key and hold the number of steps.
    """
    start, steps = None, False
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].strip()
        if not line:
            continue
        pairs = list(find_pairs(line))
        known = bool(pairs) and pairs[0][0].lower() in SPELLINGS and line.startswith(pairs[0][0])
        if NEGATIVE.match(line) or (not known and not _is_continued(lines, index)):
            break
        if known:
            start = index
            steps = steps or STEPS.match(line) is not None or "steps:" in line.lower()
    return start if steps else None


def _is_continued(lines: list[str], index: int) -> bool:
    """Whether a line without a key at its start still belongs to the line before it."""
    return index > 0 and lines[index - 1].rstrip().endswith((",", ":"))


def _negative(line: str) -> str:
    """Spell the label before a negative prompt as A1111 does."""
    label = NEGATIVE.match(line.lstrip())
    return f"{NEGATIVE_LABEL} {line.lstrip()[label.end() :]}" if label else line


def _spelled(line: str) -> str:
    """Write the keys of a parameter line, and sizes, as A1111 does."""
    pairs = []
    for written, value in find_pairs(line):
        key = SPELLINGS.get(written.lower().strip(), written)
        sides = SIDES.fullmatch(value.strip()) if key == "Size" else None
        pairs.append(f"{key}: {'x'.join(sides.groups()) if sides else value.strip()}")
    return ", ".join(pairs)
