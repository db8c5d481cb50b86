"""What somebody who types a prompt may mean: tags, networks, embeddings, wildcards, styles."""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.schema.catalogue import Catalogue
from modules.service.tag_index import Hit, TagShelf, plain
from modules.service.wildcards import WildcardFolder

LOOK_AGAIN_S = 5.0
"""How long the list of wildcards is believed."""
MOST = 100
MOST_WORDS = 8
"""Words of a sentence that are looked at."""


@dataclass(frozen=True)
class Completion:
    """One thing to offer."""

    kind: str
    """"tag", "lora", "embedding", "hypernetwork", "wildcard" or "style"."""
    name: str
    insert: str
    """What is written in place of what was typed."""
    detail: str = ""
    """How often it is used, or by which other name it was found."""
    group: str = ""
    """A tag's kind in its list."""
    typed: str = ""
    """The end of what was typed that it stands for."""


class Completer:
    """Answers what was typed. May be called from any thread."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._shelf = TagShelf(paths.tags, paths.configs / "tags")
        self._lock = threading.Lock()
        self._wildcards: list[str] = []
        self._looked = -LOOK_AGAIN_S

    def complete(
        self, text: str, catalogue: Catalogue, styles: StyleBook, limit: int = 8
    ) -> list[Completion]:
        """The best offers for `text`, the piece of a prompt before the cursor.

        A piece that begins with `<` is a network, one that begins with `__` a wildcard. Of a
        sentence the longest end counts that means something.
        """
        limit = max(0, min(limit, MOST))
        if text.startswith("<"):
            found = list(_first(self._networks(text[1:], catalogue), limit))
            return [replace(one, typed=text) for one in found]
        if text.startswith("__"):
            return [replace(one, typed=text) for one in _first(self._files(text[2:]), limit)]
        words = text.lstrip()
        for _ in range(MOST_WORDS):
            found = self._words(words.rstrip(), catalogue, styles, limit)
            if found:
                return [replace(one, typed=words) for one in found]
            words = words.partition(" ")[2].lstrip()
        return []

    def _words(
        self, words: str, catalogue: Catalogue, styles: StyleBook, limit: int
    ) -> list[Completion]:
        if not words:
            return []
        names = matching(words, catalogue.embeddings)
        found = [Completion("embedding", name, name) for name in names[:2]]
        with self._lock:
            hits = self._shelf.index().search(words, limit)
        found += [tag_completion(hit) for hit in hits]
        texts = {style.name: style.prompt for style in styles if style.prompt}
        found += [
            Completion("style", name, texts[name].replace("{prompt}", "").strip(", "))
            for name in matching(words, texts)
        ]
        return found[:limit]

    def _networks(self, typed: str, catalogue: Catalogue) -> Iterator[Completion]:
        kind, colon, name = typed.partition(":")
        wanted = name if colon else typed
        hypernets = tuple(sorted(one.stem for one in self._paths.hypernetworks.glob("*.pt")))
        for title, found in (("lora", catalogue.loras), ("hypernet", hypernets)):
            if colon and not title.startswith(kind.lower()) and kind.lower() != "lyco":
                continue
            shown = "hypernetwork" if title == "hypernet" else title
            everything = not colon and title.startswith(wanted.lower())
            for one in found if everything else matching(wanted, found):
                yield Completion(shown, one, f"<{title}:{one}:1>")

    def _files(self, typed: str) -> Iterator[Completion]:
        with self._lock:
            if time.monotonic() - self._looked > LOOK_AGAIN_S:
                self._wildcards = WildcardFolder(self._paths.wildcards).names()
                self._looked = time.monotonic()
            names = list(self._wildcards)
        for one in matching(typed.rstrip("_"), names):
            yield Completion("wildcard", one, f"__{one}__")


def tag_completion(hit: Hit) -> Completion:
    """A tag as it is written into prompts: with spaces, its brackets escaped."""
    tag = hit.tag
    words = tag.name if len(tag.name) <= 3 else tag.name.replace("_", " ")
    detail = hit.alias or (short_count(tag.uses) if tag.uses else tag.note)
    return Completion("tag", tag.name, re.sub(r"([()\[\]\\])", r"\\\1", words), detail, tag.kind)


def short_count(count: int) -> str:
    """4114588 as 4.1M."""
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + letter
    return str(count)


def matching(text: str, names: Iterable[str]) -> list[str]:
    """The names that begin with a text, then those that contain it."""
    wanted = plain(text)
    known = [(plain(name), name) for name in names]
    begin = [name for low, name in known if low.startswith(wanted)]
    return begin + [name for low, name in known if wanted in low and not low.startswith(wanted)]


def _first(found: Iterator[Completion], limit: int) -> Iterator[Completion]:
    for _, one in zip(range(limit), found, strict=False):
        yield one
