"""From a picture's recipe to keys and values, exactly as A1111's webui understands the text.

Nothing here knows a request; `infotext_read` turns the keys into one.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import ceil, sqrt
from typing import Any

PAIRS_NEEDED = 3
"""A last line with fewer pairs than this is prompt text."""

QUOTED = re.compile(r'"(?:\\.|[^\\"])+"')
SIZE = re.compile(r"(\d+)x(\d+)")
NEGATIVE_LABEL = "Negative prompt:"

FILLED: dict[str, Any] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Emphasis": "Original",
}
"""What a missing key means."""


HASH_BEHIND = re.compile(r"\s*\([0-9a-fA-F]+\)$")


def parse_infotext(text: str) -> dict[str, str]:
    """Split a recipe into "Prompt", "Negative prompt" and the keys of its last line.

    Never fails: text that is no recipe becomes a prompt. A value such as `512x768` is split into
    `Size-1` and `Size-2`.
    """
    *lines, last = text.strip().split("\n")
    pairs = list(find_pairs(last))
    if len(pairs) < PAIRS_NEEDED:
        lines.append(last)
        pairs = []
    parts: dict[str, list[str]] = {"Prompt": [], "Negative prompt": []}
    target = "Prompt"
    for line in (line.strip() for line in lines):
        if line.startswith(NEGATIVE_LABEL):
            target = "Negative prompt"
            line = line[len(NEGATIVE_LABEL) :].strip()
        parts[target].append(line)
    found = {key: _joined(value) for key, value in parts.items()}
    for key, value in pairs:
        plain = unquote(value)
        size = SIZE.fullmatch(plain)
        if size:
            found[f"{key}-1"], found[f"{key}-2"] = size.groups()
        else:
            found[key] = plain
    return found


def _joined(lines: list[str]) -> str:
    """Join the lines of a prompt; empty ones before the first word do not count."""
    while lines and not lines[0]:
        lines = lines[1:]
    return "\n".join(lines)


def find_pairs(line: str) -> Iterator[tuple[str, str]]:
    """Yield every `key: value` of a line, values as written.

    A key has at least two characters of words, spaces, `-` and `/` and begins with a word
    character; a value is a quoted string or everything up to the next comma. Scans from colon to
    colon, so that the time grows with the length of the line only.
    """
    position = 0
    while (colon := line.find(":", position)) >= 0:
        key = line[_run_start(line, position, colon) : colon].lstrip(" -/")
        if len(key) < 2:
            position = colon + 1
            continue
        value, position = _value_at(line, colon + 1)
        yield key, value


def _run_start(line: str, start: int, end: int) -> int:
    """Where the run of key characters that ends at `end` begins."""
    position = end
    while position > start and (line[position - 1].isalnum() or line[position - 1] in "_ -/"):
        position -= 1
    return position


def _value_at(line: str, start: int) -> tuple[str, int]:
    """Read the value at `start`; returns it and the position behind its comma."""
    while start < len(line) and line[start].isspace():
        start += 1
    quoted = QUOTED.match(line, start)
    if quoted and line[quoted.end() : quoted.end() + 1] in (",", ""):
        return quoted.group(), quoted.end() + 1
    end = line.find(",", start)
    end = len(line) if end < 0 else end
    return line[start:end], end + 1


def unquote(value: str) -> str:
    """Undo `quote`; what is no valid JSON string stays as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        plain = json.loads(value)
    except ValueError:
        return value
    return str(plain)


@dataclass(frozen=True, order=True)
class Release:
    """The version of A1111 that wrote a recipe; `post` counts commits after the release."""

    major: int
    minor: int
    patch: int = 0
    final: bool = True
    post: int = 0


VERSION = re.compile(
    r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:\.\d+)*(?:[-_.]?(?P<pre>rc|a|b|alpha|beta|pre|dev)"
    r"[-_.]?\d*)?(?:(?:-|[-_.]?(?:post|rev|r)[-_.]?)(?P<post>\d{1,9}))?(?:\+[a-z0-9._-]+)?",
    re.IGNORECASE,
)
DESCRIBED = re.compile(r"([^-]+-[^-]+)-[^-]+.*", re.DOTALL)


def release_of(version: str | None) -> Release | None:
    """Read a `Version` such as v1.6.0, v1.7.0-225-gabc or 1.8.0-RC; None if it is no number."""
    if not version:
        return None
    described = DESCRIBED.fullmatch(version)
    match = VERSION.fullmatch((described.group(1) if described else version).strip())
    if match is None:
        return None
    major, minor, patch = (int(match.group(place) or 0) for place in (1, 2, 3))
    return Release(major, minor, patch, match["pre"] is None, int(match["post"] or 0))


def old_behaviours(found: dict[str, Any]) -> dict[str, bool]:
    """Name the switches a picture of an old version needs, by key; values are always True."""
    release = release_of(found.get("Version"))
    if release is None:
        return {}
    prompt = str(found.get("Prompt", ""))
    before_1_6 = release < Release(1, 6)
    rules = {
        "Old prompt editing timelines": before_1_6 and "[" in prompt,
        "Pad conds v0": before_1_6 and found.get("Sampler") in ("DDIM", "PLMS"),
        "Downcast alphas_cumprod": release < Release(1, 7, 0, post=225),
        "Refiner switch by sampling steps": "Refiner" in found and release <= Release(1, 8),
    }
    return {key: True for key, holds in rules.items() if holds}


def fill_defaults(found: dict[str, str], *, old_versions: bool = True) -> dict[str, Any]:
    """Add what A1111 reads into missing keys, and what old spellings and old versions mean.

    `old_versions=False` leaves the behaviour of old releases off.
    """
    full: dict[str, Any] = dict(found)
    full["Prompt"] = "\n".join([full.get("Prompt", ""), *_early_networks(full)])
    if "Hypernet" in full:
        strength = full.get("Hypernet strength", "1.0")
        full["Prompt"] = f"{full.get('Prompt', '')}<hypernet:{full['Hypernet']}:{strength}>"
    _convert_first_pass(full)
    full = {**FILLED, **full}
    if full["FP8 weight"] != "Disable":
        full.setdefault("Cache FP16 weight for LoRA", False)
    if old_versions:
        full |= old_behaviours(full)
    return full


def _early_networks(found: dict[str, Any]) -> Iterator[str]:
    """The LoRA of the extension that came before `<lora:...>`, as marks."""
    for number in count(1):
        model = str(found.get(f"AddNet Model {number}", ""))
        if not model:
            return
        if found.get(f"AddNet Module {number}") == "LoRA":
            weight = found.get(f"AddNet Weight A {number}", found.get(f"AddNet Weight {number}", 1))
            yield f"<lora:{HASH_BEHIND.sub('', model)}:{weight}>"


def _convert_first_pass(full: dict[str, Any]) -> None:
    """Early hires texts gave the final size as Size and the small one as First pass size."""
    final, first = size_of(full, "Size"), size_of(full, "First pass size")
    if final is None or first is None:
        return
    del full["First pass size-1"], full["First pass size-2"]
    if not all(first):
        first = first_pass_size(*final)
    full["Size-1"], full["Size-2"] = map(str, first)
    full["Hires resize-1"], full["Hires resize-2"] = map(str, final)


def size_of(found: dict[str, Any], key: str) -> tuple[int, int] | None:
    """Width and height in pixels under `key`; None if missing or beyond all reason."""
    sides = [str(found.get(f"{key}-{place}", "")) for place in (1, 2)]
    if not all(re.fullmatch(r"\d{1,9}", side) for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def first_pass_size(width: int, height: int) -> tuple[int, int]:
    """The first pass of early hires texts: about 512 x 512 pixels, sides multiples of 64."""
    scale = sqrt(512 * 512 / max(1, width * height))
    return ceil(scale * width / 64) * 64, ceil(scale * height / 64) * 64
