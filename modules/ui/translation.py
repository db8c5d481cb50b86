"""The page's words in other languages: flat JSON files of English texts and their translations.

They come with the program, lie in `localizations/`, or come with extensions, as A1111 has them.
Files of one name are one language; the later ones win. The page itself puts the words in place
(`assets/translate.js`), so labels stay English everywhere else.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modules.paths import Paths

log = logging.getLogger(__name__)

OURS = Path(__file__).parent / "translations"
AUTOMATIC, NONE = "Automatic", "None"
"""By the browser's wish; English."""
SIMPLIFIED = ("zh", "zh-cn", "zh-sg", "zh-my")
"""Tags that mean Chinese in simplified characters without saying so."""
LARGEST = 20_000_000
"""Bytes of a file that is read."""


def languages(paths: Paths) -> dict[str, list[Path]]:
    """The files of every language there is, by its name, in the order in which they count."""
    folders = [OURS, paths.localizations, *sorted(paths.extensions.glob("*/localizations"))]
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            found.setdefault(path.stem, []).append(path)
    return found


def chosen(wish: str, accepted: str, known: Iterable[str]) -> str:
    """The language to show: what the settings say, or what the browser would rather read.

    `accepted` is the browser's Accept-Language. Returns "" for English, which needs no words, and
    for a language that is not there any more.
    """
    names = list(known)
    if wish != AUTOMATIC:
        return wish if wish in names else ""
    plain = {name.replace("_", "-").lower(): name for name in names}
    for tag in wanted_tags(accepted):
        if tag.partition("-")[0] == "en":
            return ""
        if tag in SIMPLIFIED and "zh-hans" in plain:
            return plain["zh-hans"]
        while tag:
            if tag in plain:
                return plain[tag]
            tag = tag.rpartition("-")[0]
    return ""


def wanted_tags(accepted: str) -> list[str]:
    """The languages of an Accept-Language header in small letters, the dearest first."""
    weighted: list[tuple[float, str]] = []
    for part in accepted[:1000].split(","):
        tag, _, weight = part.partition(";")
        try:
            share = float(weight.partition("=")[2]) if weight.strip() else 1.0
        except ValueError:
            share = 0.0
        if tag.strip():
            weighted.append((share, tag.strip().lower()))
    return [tag for share, tag in sorted(weighted, key=lambda one: -one[0]) if share > 0]


def words_of(files: Iterable[Path]) -> dict[str, str]:
    """Every text with its translation; what is broken is left out and told in the log."""
    found: dict[str, str] = {}
    for path in files:
        found |= read_words(path)
    return found


def read_words(path: Path) -> dict[str, str]:
    """One file's texts; none if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is far too large")
        raw: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        log.warning("The translation %s could not be read: %s", path.name, error)
        return {}
    if not isinstance(raw, Mapping):
        log.warning("The translation %s is not a table of texts", path.name)
        return {}
    return {
        key: value
        for key, value in raw.items()
        if isinstance(key, str) and isinstance(value, str) and key.strip() and value.strip()
    }


def answer(paths: Paths, wish: str, accepted: str) -> dict[str, Any]:
    """What the page is told: the language's name, and its words."""
    known = languages(paths)
    name = chosen(wish, accepted, known)
    return {"language": name, "words": words_of(known[name]) if name else {}}
