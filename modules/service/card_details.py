"""What is looked up about one model when somebody asks: metadata, tags, pictures, what fits."""

import base64
import binascii
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from modules.errors import ModelError, NotFound, WebUIError
from modules.model.header import read_header
from modules.model.patch.look import report_on
from modules.model.patch.report import NetworkReport
from modules.service.card_files import INSIDE, KINDS, THUMBNAIL
from modules.service.cards import Card
from modules.service.picture import Picture
from modules.service.sidecars import PICTURES, stem_of
from modules.settings.files import write_atomically
from modules.settings.sections.networks import FILE_NAME, Networks

SIDE = 512
"""Pixels of the longer side of a preview as it is sent."""
MOST_PIXELS = 64_000_000
PICTURES_INSIDE = ("ssmd_cover_images", THUMBNAIL)
"""Metadata that holds pictures; too long to be shown as text."""
MOST_TAGS = 200


def metadata_of(path: Path) -> dict[str, Any]:
    """Return what a safetensors file says of itself, JSON in texts read, pictures left out."""
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return {}
    try:
        metadata = read_header(path).metadata
    except (ModelError, OSError):
        return {}
    return {key: _value(text) for key, text in metadata.items() if key not in PICTURES_INSIDE}


def _value(text: str) -> Any:
    """Training programs write JSON into a field's text."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def tags_of(metadata: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the captions' tags a network was trained with and how often each was there."""
    counts: dict[str, int] = {}
    folders = metadata.get("ss_tag_frequency")
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, int):
                counts[tag.strip()] = counts.get(tag.strip(), 0) + count
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_TAGS]


def report_for(card: Card, checkpoint: Path) -> NetworkReport:
    """Return how much of a network fits a checkpoint. Raises ModelError, NotFound."""
    if card.kind != "lora":
        raise NotFound("Lora", card.name)
    try:
        return report_on(card.path, card.prompt_name, checkpoint)
    except OSError as error:
        raise ModelError(f"{card.path.name} cannot be read: {error.strerror or error}.") from error


def insertion(card: Card, settings: Networks) -> tuple[str, str]:
    """Return what a click on a card adds to the prompt and to the negative prompt."""
    named_by_file = settings.preferred_name == FILE_NAME
    if card.kind == "textual_inversion":
        return card.name, ""
    if card.kind not in ("lora", "hypernetworks"):
        return "", ""
    mark = "lora" if card.kind == "lora" else "hypernet"
    name = card.name if named_by_file else card.prompt_name
    text = f"<{mark}:{name}:{card.weight or settings.multiplier:g}>"
    text += f"{settings.separator}{card.activation}" if card.activation else ""
    return text, f"({card.negative}:1)" if card.negative else ""


def thumbnail_of(card: Card, cache: Path) -> Path:
    """Return a small WebP of a card's preview, made at the first call. Raises NotFound."""
    if not card.preview:
        raise NotFound("preview of", card.name)
    source = card.path if card.preview == INSIDE else card.path.with_name(card.preview)
    try:
        stamp = source.stat().st_mtime_ns
    except OSError as error:
        raise NotFound("preview of", card.name) from error
    mark = hashlib.sha256(f"{card.id}{card.preview}{stamp}".encode()).hexdigest()[:16]
    small = cache / "cards" / mark[:2] / f"{mark}.webp"
    if small.is_file():
        return small
    try:
        with Image.open(_inside(card.path) if card.preview == INSIDE else source) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise WebUIError(f"The preview of {card.name} is too large.")
            opened.draft("RGB", (SIDE, SIDE))
            opened.thumbnail((SIDE, SIDE))
            buffer = io.BytesIO()
            opened.convert("RGB").save(buffer, "WEBP", quality=80, method=2)
        small.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(small, buffer.getvalue())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise WebUIError(f"The preview of {card.name} cannot be shown.") from error
    return small


def _inside(path: Path) -> io.BytesIO:
    """Return the picture in a file's metadata. Raises ValueError."""
    try:
        text = read_header(path).metadata.get(THUMBNAIL, "").partition(",")[2]
        return io.BytesIO(base64.b64decode(text, validate=True))
    except (ModelError, binascii.Error) as error:
        raise ValueError(str(error)) from error


def use_as_preview(card: Card, picture: Picture) -> Path:
    """Put a copy of a saved picture, recipe and all, beside a model; returns the copy.

    A preview that would be found before it is kept under another name (`.bak`). Raises WebUIError.
    """
    stem = stem_of(card.path)
    middle, ending = KINDS[card.kind].preview_ending, picture.path.suffix.lower()
    if ending.removeprefix(".") not in PICTURES:
        raise WebUIError(f"A {ending} file cannot be a preview.", f"Usable: {', '.join(PICTURES)}.")
    target = card.path.with_name(f"{stem}{middle}{ending}")
    try:
        content = picture.path.read_bytes()
        # A picture in the folder of embeddings may itself be one, and stays.
        parts = (".preview",) if card.kind == "textual_inversion" else ("", ".preview")
        for other in (f"{stem}{part}.{kind}" for kind in PICTURES for part in parts):
            beside = card.path.with_name(other)
            if beside.is_file() and beside != card.path:
                os.replace(beside, beside.with_name(f"{other}.bak"))
        write_atomically(target, content)
    except OSError as error:
        raise WebUIError(
            f"The preview of {card.name} cannot be written: {error.strerror or error}.",
            "Check that the folder is writable and the disk is not full.",
        ) from error
    return target
