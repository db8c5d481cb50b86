"""The hashes of networks and embeddings that a recipe names, under whatever key."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.schema.infotext_parse import find_pairs, unquote

RESOURCES = re.compile(r"(?:^|,)\s*Hashes: (\{[^{}\n]*\})")
"""JSON of picture sites: `{"model": "...", "lora:name": "...", "embed:name": "..."}`."""
DIGEST = re.compile(r"[0-9a-fA-F]{8,64}")
NETWORK = re.compile(r"(<(?:lora|lyco):)([^:>]+)(?=[:>])")

Rename = Callable[[str, str], str | None]
"""(name in the recipe, digits of its hash) -> the name it has here, None to leave it."""


@dataclass(frozen=True)
class NamedHashes:
    """Names and the first digits of their hashes, in lower case."""

    loras: Mapping[str, str] = field(default_factory=dict)
    embeddings: Mapping[str, str] = field(default_factory=dict)


def named_hashes(text: str) -> NamedHashes:
    """Read `Lora hashes`, `TI hashes` and the JSON of `Hashes` from a recipe's last line."""
    last = text.strip().rpartition("\n")[2]
    found = dict(find_pairs(last))
    loras = _listed(unquote(found.get("Lora hashes", "")))
    embeddings = _listed(unquote(found.get("TI hashes", "")))
    for kind, name, digest in _resources(last):
        if kind == "lora":
            loras.setdefault(name, digest)
        elif kind == "embed":
            embeddings.setdefault(name, digest)
    return NamedHashes(loras, embeddings)


def rename_networks(prompt: str, hashes: Mapping[str, str], rename: Rename) -> str:
    """Give each `<lora:name...>` whose name has a hash the name that `rename` answers."""

    def replaced(match: re.Match[str]) -> str:
        name = match[2]
        digest = hashes.get(name.replace(":", "").replace(",", ""))
        local = rename(name, digest) if digest else None
        return match[1] + (local or name)

    return NETWORK.sub(replaced, prompt)


def rename_embeddings(prompt: str, hashes: Mapping[str, str], rename: Rename) -> str:
    """The same for names of embeddings, which stand in a text as words, in any case."""
    for name, digest in hashes.items():
        local = rename(name, digest)
        if local:
            word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
            prompt = word.sub(local.replace("\\", r"\\"), prompt)
    return prompt


def _listed(text: str) -> dict[str, str]:
    """`name: digits, name2: digits`; entries of another form are left out."""
    pairs = (entry.rpartition(":") for entry in text.split(","))
    stripped = ((name.strip(), digest.strip()) for name, _, digest in pairs)
    return {name: digest.lower() for name, digest in stripped if name and DIGEST.fullmatch(digest)}


def _resources(line: str) -> list[tuple[str, str, str]]:
    """(kind, name, digits) of every entry of the `Hashes` JSON."""
    match = RESOURCES.search(line)
    if match is None:
        return []
    try:
        entries: Any = json.loads(match[1])
    except ValueError:
        return []
    found = []
    for key, digest in entries.items():
        kind, colon, name = key.partition(":")
        if colon and isinstance(digest, str) and DIGEST.fullmatch(digest):
            found.append((kind, name, digest.lower()))
    return found
