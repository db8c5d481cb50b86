"""What people look for among their pictures, as an expression of SQLite's full-text search."""

import re
from dataclasses import dataclass

from modules.service.facts import BEST, EVERYTHING, SHIFT, word

TERM = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')
MOST_TERMS = 40
"""More words than this are no search."""
DAY_S = 86_400.0
END_OF_TIME = 2**62


@dataclass(frozen=True, kw_only=True)
class Search:
    """Everything that is given must hold. Names match whole, whatever their case."""

    text: str = ""
    """Words of the prompt; "a phrase", beginn* and -without as in search engines."""
    negative: str = ""
    """The same for the negative prompt."""
    model: str = ""
    """Name or hash."""
    sampler: str = ""
    lora: str = ""
    tag: str = ""
    size: str = ""
    """Such as 512x768."""
    seed: int | None = None
    rating: int = 0
    """At least so many stars."""
    kind: str = ""
    """"image" or "grid"."""
    person: str | None = None
    """Only this person's; None for everybody's."""
    since: float | None = None
    """Unix time in seconds; not older than this."""
    until: float | None = None

    @property
    def earliest(self) -> int:
        """The first moment that counts."""
        return -1 if self.since is None else _edge(self.since)

    @property
    def latest(self) -> int:
        """The moment before which pictures count."""
        return END_OF_TIME if self.until is None else _edge(self.until)


def _edge(moment: float) -> int:
    """Return what the rows of pictures from `moment` on are numbered by, which SQLite can hold."""
    return min(END_OF_TIME, int(moment * 1000) << SHIFT)


def expression(search: Search) -> str:
    """Return what to match; "" if everything is wanted, times aside."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for column, text in (("prompt", search.text), ("negative", search.negative)):
        for minus, term in _terms(text):
            (unwanted if minus else wanted).append(f"{column} : {term}")
    exact = {
        "model": search.model,
        "sampler": search.sampler,
        "lora": search.lora,
        "tag": search.tag,
        "size": search.size.replace(" ", "").replace("\u00d7", "x"),
        "seed": "" if search.seed is None else search.seed,
        "kind": search.kind,
    }
    facts = [word(kind, value) for kind, value in exact.items() if value != ""]
    if search.person is not None:
        facts.append(word("person", search.person))
    wanted += [f"facts : {one}" for one in facts]
    if search.rating > 0:
        stars = (word("rating", stars) for stars in range(search.rating, BEST + 1))
        wanted.append(f"facts : ({' OR '.join(stars)})")
    if not wanted and not unwanted:
        return ""
    positive = " AND ".join(wanted or [f"facts : {EVERYTHING}"])
    return f"({positive}) NOT ({' OR '.join(unwanted)})" if unwanted else positive


def _terms(text: str) -> list[tuple[bool, str]]:
    """Split what was typed into (leave out, quoted term); nothing in it can be an operator."""
    terms = []
    for minus, phrase, single in TERM.findall(text)[:MOST_TERMS]:
        plain = (phrase or single).replace("\0", " ")
        if not re.search(r"\w", plain):
            continue
        star = "*" if plain.endswith("*") and not phrase else ""
        terms.append((bool(minus), f'"{plain.rstrip("*")}"{star}'))
    return terms
