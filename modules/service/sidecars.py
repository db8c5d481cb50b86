"""What people write beside a model file: notes, preview pictures, and what download helpers left.

For `name.safetensors` these are `name.json` (ours and A1111's, flat, unknown keys kept),
`name.civitai.info` (read only), `name.txt`, and `name.png` or `name.preview.png`.
"""

import html
import json
import logging
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, WebUIError
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

PICTURES = ("png", "jpg", "jpeg", "webp", "gif", "avif")
"""Endings of preview pictures, in the order in which they are tried."""
TEXTS = (".json", ".civitai.info", ".txt", ".description.txt")
LONGEST = 100_000
"""Characters of a note that are kept."""
BASES = {
    "SD 1": "SD1", "SD 2": "SD2", "SDXL": "SDXL", "Pony": "SDXL", "Illustrious": "SDXL",
    "SD 3": "SD3", "Flux": "FLUX",
}  # fmt: skip
"""Beginnings of what Civitai calls families."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What people say about a model file; the names in the file are in `KEYS`."""

    description: str = ""
    notes: str = ""
    base: str = ""
    activation: str = ""
    """Words to put into the prompt together with it."""
    weight: float = 0.0
    """The multiplier it works best with; 0 is the usual one."""
    negative: str = ""
    vae: str = ""


KEYS = {
    "description": "description",
    "notes": "notes",
    "base": "sd version",
    "activation": "activation text",
    "weight": "preferred weight",
    "negative": "negative text",
    "vae": "vae",
}
"""Fields of `Notes`, and their keys in `name.json`."""


def preview_beside(stem: str, names: Container[str]) -> str:
    """The preview picture of a model among the `names` in its folder; empty if there is none."""
    for ending in PICTURES:
        for name in (f"{stem}.{ending}", f"{stem}.preview.{ending}"):
            if name in names:
                return name
    return ""


def texts_beside(stem: str, names: Container[str]) -> list[str]:
    """The texts about a model among the `names` in its folder."""
    return [stem + ending for ending in TEXTS if stem + ending in names]


def read_notes(path: Path) -> Notes:
    """What is known of the model at `path`: its own notes first, then those of helpers.

    A text that cannot be read is news in the log, not an error.
    """
    stem = stem_of(path)
    own, helper = (
        _table(path.with_name(f"{stem}.json")),
        _table(path.with_name(f"{stem}.civitai.info")),
    )
    described = _text(own.get("description")) or _description_file(path, stem)
    model = helper.get("model")
    helped = _text(helper.get("description")) or _text(
        model.get("description") if isinstance(model, dict) else ""
    )
    base = _text(own.get("sd version"))
    return Notes(
        description=described or plain(helped),
        notes=_text(own.get("notes")),
        base=base if base not in ("", "Unknown") else _civitai_base(helper.get("baseModel")),
        activation=_text(own.get("activation text")) or _words(helper.get("trainedWords")),
        weight=_number(own.get("preferred weight")),
        negative=_text(own.get("negative text")),
        vae=_text(own.get("vae")),
    )


def write_notes(path: Path, changes: Mapping[str, Any]) -> None:
    """Change fields of `Notes` in the model's `name.json`; all else in it stays.

    Raises InvalidRequest for an unknown field or a value of another kind, WebUIError if the disk
    refuses or the present file is none of ours.
    """
    unknown = [name for name in changes if name not in KEYS]
    if unknown:
        raise InvalidRequest(
            f"Notes have no field {unknown[0]!r}.", f"There are: {', '.join(KEYS)}."
        )
    target = path.with_name(f"{stem_of(path)}.json")
    table: dict[str, Any] = {}
    if target.is_file():
        table = _table(target)
        if not table and target.stat().st_size > 4:
            raise WebUIError(
                f"{target.name} is not a table of notes and is left as it is.",
                "Move it away or correct it, then save again.",
            )
    for name, value in changes.items():
        table[KEYS[name]] = _checked(name, value)
    try:
        write_atomically(target, json.dumps(table, indent=4, ensure_ascii=False).encode())
    except OSError as error:
        raise WebUIError(
            f"{target.name} cannot be written: {error.strerror or error}.",
            "Check that the folder is writable and the disk is not full.",
        ) from error


def stem_of(path: Path) -> str:
    """The name that a model's other files begin with."""
    return path.name if path.is_dir() else path.stem


def plain(text: str) -> str:
    """HTML as plain text: helpers keep descriptions as they stood on a web page."""
    broken = re.sub(r"(?i)<br\s*/?>|</p>|</li>|</h\d>", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", html.unescape(re.sub(r"<[^>]*>", "", broken))).strip()[
        :LONGEST
    ]


def _checked(name: str, value: Any) -> Any:
    if name == "weight":
        if isinstance(value, bool) or not isinstance(value, int | float) or not -10 <= value <= 10:
            raise InvalidRequest("The preferred weight is a number from -10 to 10.")
        return value
    if not isinstance(value, str) or len(value) > LONGEST:
        raise InvalidRequest(f"{name.capitalize()} is a text of at most {LONGEST} characters.")
    return value


def _table(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return {}
    return found if isinstance(found, dict) else {}


def _description_file(path: Path, stem: str) -> str:
    for ending in (".txt", ".description.txt"):
        try:
            return path.with_name(stem + ending).read_text("utf-8", "replace")[:LONGEST].strip()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("%s%s cannot be read: %s", stem, ending, error)
    return ""


def _text(value: Any) -> str:
    return value.strip()[:LONGEST] if isinstance(value, str) else ""


def _words(value: Any) -> str:
    words = value if isinstance(value, list) else []
    return ", ".join(word.strip(" ,") for word in words if isinstance(word, str))[:LONGEST]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -100 < value < 100:
        return 0.0
    return float(value)


def _civitai_base(value: Any) -> str:
    said = _text(value).lower()
    return next((name for start, name in BASES.items() if said.startswith(start.lower())), "")
