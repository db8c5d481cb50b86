"""What a picture's recipe says, as columns to group by and as words to search for."""

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modules.schema.infotext_parse import parse_infotext
from modules.service.database import Statement

NETWORK = re.compile(r"<(?:lora|lyco|hypernet):([^:>\n]{1,200})")
LISTED = re.compile(r"([^:,\"]+):")
"""Names in the recipe's `Lora hashes: "name: hash, ..."`."""
EVERYTHING = "everything"
"""A word that every picture has, for searches that only leave something out."""
BEST = 5
"""The highest rating, in stars; 0 is none."""
SHIFT = 20
"""Bits of a moment that tell pictures of the same millisecond apart."""
Row = Mapping[str, Any] | sqlite3.Row

SEPARATOR = "\n"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The parts of a recipe that people look for."""

    prompt: str = ""
    negative: str = ""
    model: str = ""
    model_hash: str = ""
    sampler: str = ""
    seed: int = 0
    loras: tuple[str, ...] = ()


def facts_of(infotext: str) -> Facts:
    """Read a recipe; never fails, for text that is none becomes a prompt."""
    found = parse_infotext(infotext)
    prompt = found.get("Prompt", "")
    loras = [*NETWORK.findall(prompt), *LISTED.findall(found.get("Lora hashes", ""))]
    seed = found.get("Seed", "")
    return Facts(
        prompt=prompt,
        negative=found.get("Negative prompt", ""),
        model=found.get("Model", ""),
        model_hash=found.get("Model hash", ""),
        sampler=found.get("Sampler", ""),
        seed=int(seed) if re.fullmatch(r"\d{1,18}", seed) else 0,
        loras=tuple(dict.fromkeys(name.strip() for name in loras)),
    )


def word(kind: str, value: object) -> str:
    """Return one word that stands for a whole value, whatever characters that has."""
    text = str(value).strip().lower().encode("utf-8", "replace")
    return f"{kind}{hashlib.blake2s(text, digest_size=7).hexdigest()}"


def moment_of(created: float, number: int) -> int:
    """A number that grows with time: milliseconds, then `number` to tell equal ones apart."""
    return (int(created * 1000) << SHIFT) | (number & ((1 << SHIFT) - 1))


def words_of(row: Row, facts: Facts) -> str:
    """Everything about a picture that a search can ask for, one word each."""
    pairs: list[tuple[str, Iterable[object]]] = [
        ("model", (facts.model, facts.model_hash)),
        ("sampler", (facts.sampler,)),
        ("lora", facts.loras),
        ("tag", row["tags"].split(SEPARATOR)),
        ("seed", (row["seed"],)),
        ("size", (f"{row['width']}x{row['height']}",)),
        ("rating", (row["rating"],)),
        ("kind", (row["kind"],)),
    ]
    known = [word(kind, value) for kind, values in pairs for value in values if value != ""]
    return " ".join([EVERYTHING, word("person", row["person"]), *dict.fromkeys(known)])


def describing(row: Row) -> tuple[Statement, ...]:
    """What makes a picture's row complete and lets searches find it (again)."""
    facts = facts_of(row["infotext"])
    columns = "UPDATE images SET model = ?, sampler = ?, loras = ?, described = 1 WHERE id = ?"
    values = (facts.model, facts.sampler, SEPARATOR.join(facts.loras), row["id"])
    moment = row["moment"]
    if not row["saved"] or row["trashed"] is not None:
        return ((columns, values), forgetting(moment))
    insert = (
        "INSERT INTO image_words (rowid, prompt, negative, facts) SELECT ?, ?, ?, ?"
        " WHERE EXISTS (SELECT 1 FROM images WHERE id = ?)"
    )
    texts = (moment, facts.prompt, facts.negative, words_of(row, facts), row["id"])
    return ((columns, values), forgetting(moment), (insert, texts))


def forgetting(moment: int) -> Statement:
    """What keeps searches from finding a picture."""
    return ("DELETE FROM image_words WHERE rowid = ?", (moment,))
