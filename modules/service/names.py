"""File and folder names from patterns such as `[seed]-[prompt_words]`, as A1111 reads them."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

TOKEN = re.compile(r"\[(?P<name>[^\[\]<>]+)(?P<arguments>(?:<[^<>\[\]]*>)*)\]")
ARGUMENT = re.compile(r"<([^<>]*)>")
FORBIDDEN = re.compile(r'[#<>:"/\\|?*\x00-\x1f\x7f]')
WORD_BREAKS = re.compile(r"[\s" + re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + "]+")
FOLDER_BREAK = re.compile(r"[/\\](?![^\[]*\])")
"""A slash outside of brackets."""
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)
"""Names that Windows keeps for itself, with any suffix."""

LONGEST_PART = 128
"""Characters of one value; A1111 cuts there too."""

DATETIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What a name may be made of."""

    request: GenerationRequest
    image: GeneratedImage
    started: datetime = field(default_factory=datetime.now)
    """When the job began."""
    prompt_words: int = 8
    user: str = ""
    stem: str = ""
    """The whole name, if it does not come from a pattern."""

    def fact(self, key: str) -> str:
        """A fact about the drawing, "" if there is none."""
        return str(dict(self.image.facts).get(key, ""))


Token = Callable[[Naming, list[str]], str | None]
"""Value of a token with its arguments; None skips the token and the text before it."""


def expand(pattern: str, naming: Naming) -> str:
    """Replace the tokens of `pattern`; the result is safe as the name of a file, or empty.

    Unknown tokens stay as they are written. Values are cut to 128 characters.
    """
    result, position = "", 0
    for match in TOKEN.finditer(pattern):
        literal = pattern[position : match.start()]
        position = match.end()
        token = TOKENS.get(match["name"].lower())
        if token is None:
            result += safe_part(literal + match.group(), longest=1000)
            continue
        value = token(naming, ARGUMENT.findall(match["arguments"]))
        if value is not None:
            result += FORBIDDEN.sub("_", literal) + safe_part(value)
    return safe_name(result + FORBIDDEN.sub("_", pattern[position:]))


def expand_folders(pattern: str, naming: Naming) -> list[str]:
    """Replace the tokens of a folder pattern; `/` makes folders below each other.

    No part can lead anywhere but down.
    """
    parts = (expand(part, naming) for part in FOLDER_BREAK.split(pattern))
    return [part for part in parts if part.strip(". ")]


def safe_part(text: str, longest: int = LONGEST_PART) -> str:
    """Make a value fit for a file name on every system."""
    return FORBIDDEN.sub("_", text).lstrip(" ")[:longest].rstrip(". ")


def safe_name(text: str) -> str:
    """Make a whole name fit: no trailing dots, no reserved device."""
    name = text.strip(" ").rstrip(". ")
    return f"_{name}" if name.partition(".")[0].strip().upper() in DEVICES else name


def _digest(text: str, arguments: list[str]) -> str:
    length = int(arguments[0]) if arguments and arguments[0].isdecimal() else 8
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _datetime(naming: Naming, arguments: list[str]) -> str:
    form = arguments[0] if arguments and arguments[0] else DATETIME
    zone: tzinfo | None = None
    try:
        zone = ZoneInfo(arguments[1]) if len(arguments) > 1 and arguments[1] else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    now = datetime.now(UTC).astimezone(zone)
    try:
        return now.strftime(form)
    except ValueError:
        return now.strftime(DATETIME)


def _words(naming: Naming, arguments: list[str]) -> str:
    words = [word for word in WORD_BREAKS.split(naming.image.prompt) if word]
    return " ".join(words[: naming.prompt_words] or ["empty"])


def _has_prompt(naming: Naming, arguments: list[str]) -> str:
    prompt, result = naming.image.prompt.lower(), ""
    for argument in arguments:
        word, _, default = argument.partition("|")
        result += word if word.lower() in prompt else default
    return result


def _batch_number(naming: Naming, arguments: list[str]) -> str | None:
    size = naming.request.batch.batch_size
    return None if size == 1 else str(naming.image.index % size + 1)


def _generation_number(naming: Naming, arguments: list[str]) -> str | None:
    return None if naming.request.batch.total == 1 else str(naming.image.index + 1)


def _seed_last(naming: Naming, arguments: list[str]) -> str:
    batch, seeds = naming.request.batch, naming.request.seeds
    if batch.batch_size == 1:
        return ""
    first = naming.image.index - naming.image.index % batch.batch_size
    return str(seeds.seed if seeds.subseed_strength else seeds.seed + first + batch.batch_size - 1)


def _seed_first(naming: Naming, arguments: list[str]) -> str:
    size, seeds = naming.request.batch.batch_size, naming.request.seeds
    first = naming.image.index - naming.image.index % size
    return str(seeds.seed if seeds.subseed_strength else seeds.seed + first)


def _denoising(naming: Naming, arguments: list[str]) -> str | None:
    part = naming.request.img2img or naming.request.hires
    return str(part.denoising_strength) if part else None


def _schedule(naming: Naming) -> str:
    return naming.fact("Schedule type") or naming.request.sampling.schedule


def _sampler_and_schedule(naming: Naming, arguments: list[str]) -> str:
    schedule = _schedule(naming)
    plain = not schedule or schedule == "Automatic"
    return naming.request.sampling.sampler + ("" if plain else f" {schedule}")


def _pixels(naming: Naming, arguments: list[str]) -> str:
    length = int(arguments[0]) if arguments and arguments[0].isdecimal() else 64
    pixels = naming.image.image.data if naming.image.image else b""
    return hashlib.sha256(pixels).hexdigest()[:length]


TOKENS: dict[str, Token] = {
    "seed": lambda naming, _: str(naming.image.seed),
    "seed_first": _seed_first,
    "seed_last": _seed_last,
    "steps": lambda naming, _: str(naming.request.sampling.steps),
    "cfg": lambda naming, _: str(naming.request.sampling.cfg_scale),
    "width": lambda naming, _: str(naming.image.width),
    "height": lambda naming, _: str(naming.image.height),
    "styles": lambda naming, _: "None",
    "sampler": lambda naming, _: naming.request.sampling.sampler,
    "scheduler": lambda naming, _: _schedule(naming),
    "sampler_scheduler": _sampler_and_schedule,
    "model_hash": lambda naming, _: naming.fact("Model hash"),
    "model_name": lambda naming, _: naming.fact("Model") or naming.request.models.checkpoint,
    "date": lambda naming, _: datetime.now().strftime("%Y-%m-%d"),
    "datetime": _datetime,
    "job_timestamp": lambda naming, _: naming.started.strftime(DATETIME),
    "prompt": lambda naming, _: naming.image.prompt.replace(" ", "_"),
    "prompt_spaces": lambda naming, _: naming.image.prompt,
    "prompt_no_styles": lambda naming, _: naming.request.prompt,
    "prompt_words": _words,
    "prompt_hash": lambda naming, given: _digest(naming.image.prompt, given),
    "negative_prompt_hash": lambda naming, given: _digest(naming.image.negative_prompt, given),
    "full_prompt_hash": lambda naming, given: _digest(
        f"{naming.image.prompt} {naming.image.negative_prompt}", given
    ),
    "batch_number": _batch_number,
    "batch_size": lambda naming, _: str(naming.request.batch.batch_size),
    "generation_number": _generation_number,
    "hasprompt": _has_prompt,
    "clip_skip": lambda naming, _: str(naming.request.text.clip_skip),
    "denoising": _denoising,
    "user": lambda naming, _: naming.user,
    "vae_filename": lambda naming, _: naming.fact("VAE").partition(".")[0] or "NoneType",
    "image_hash": _pixels,
    "none": lambda naming, _: "",
    "basename": lambda naming, _: "img",
}
"""Every token of A1111 1.10, lower case."""
