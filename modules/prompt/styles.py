"""Styles: named pieces of prompt, kept in A1111's `styles.csv`."""

import csv
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from modules.errors import InvalidRequest, NotFound

PLACEHOLDER = "{prompt}"
_COLUMNS = ("name", "prompt", "negative_prompt")


@dataclass(frozen=True)
class Style:
    """A named piece of prompt; `{prompt}` in it stands for the prompt it is applied to."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""
    path: Path | None = field(default=None, compare=False)
    """The file it came from."""


def merge_text(style: str, prompt: str) -> str:
    """Apply a style's text to a prompt: put it around the prompt, or add it behind a comma."""
    if PLACEHOLDER in style:
        return style.replace(PLACEHOLDER, prompt)
    return ", ".join(part for part in (prompt.strip(), style.strip()) if part)


def extract_text(style: str, prompt: str) -> str | None:
    """Undo `merge_text`: the prompt without the style's text, None if it is not in there."""
    stripped = style.strip()
    if not stripped:
        return prompt
    if PLACEHOLDER in stripped:
        before, _, after = stripped.partition(PLACEHOLDER)
        fits = len(prompt) >= len(before) + len(after)
        if fits and prompt.startswith(before) and prompt.endswith(after):
            inside = prompt[len(before) : len(prompt) - len(after)]
            return inside if merge_text(stripped, inside) == prompt else None
        return None
    if prompt == stripped:
        return ""
    return prompt.removesuffix(", " + stripped) if prompt.endswith(", " + stripped) else None


class StyleBook:
    """Every style, in order, and the files they are saved in.

    A style of a later file replaces one of the same name. New styles go into the first file.
    """

    def __init__(self, styles: Iterable[Style] = (), paths: Sequence[Path] = ()) -> None:
        self.paths = list(paths)
        self._styles = {style.name: style for style in styles}

    @classmethod
    def load(cls, patterns: Iterable[Path]) -> "StyleBook":
        """Read `styles.csv` files; `*` and `?` in a path stand for several files.

        A file that does not exist (yet) holds no styles. Raises InvalidRequest for one that is no
        style file.
        """
        paths = [path for pattern in patterns for path in _expand(pattern)]
        return cls((style for path in paths for style in read_styles(path)), paths)

    def __iter__(self) -> Iterator[Style]:
        return iter(self._styles.values())

    def __len__(self) -> int:
        return len(self._styles)

    def __contains__(self, name: object) -> bool:
        return name in self._styles

    def names(self) -> list[str]:
        """The names, in the order of the files."""
        return list(self._styles)

    def get(self, name: str) -> Style:
        """Return a style; NotFound offers the nearest name."""
        if name not in self._styles:
            raise NotFound("style", name, self._styles)
        return self._styles[name]

    def apply(self, names: Iterable[str], prompt: str, negative_prompt: str) -> tuple[str, str]:
        """Apply styles in the order given; unknown names have no effect, as in A1111's API."""
        for name in names:
            if style := self._styles.get(name):
                prompt = merge_text(style.prompt, prompt)
                negative_prompt = merge_text(style.negative_prompt, negative_prompt)
        return prompt, negative_prompt

    def extract(self, prompt: str, negative_prompt: str) -> tuple[list[str], str, str]:
        """Find the styles in a finished prompt: their names in order, and what remains."""
        names: list[str] = []
        remaining = [style for style in self._styles.values() if _has_text(style)]
        while found := _first_in(remaining, prompt, negative_prompt):
            style, prompt, negative_prompt = found
            names.insert(0, style.name)
            remaining.remove(style)
        return names, prompt, negative_prompt

    def put(self, style: Style) -> None:
        """Add a style, or replace the one of that name where it is."""
        if not style.name.strip():
            raise InvalidRequest("A style needs a name.")
        known = self._styles.get(style.name)
        path = style.path or (known.path if known else None)
        self._styles[style.name] = replace(style, path=path)

    def remove(self, name: str) -> None:
        """Delete a style; NotFound if there is none of that name."""
        self.get(name)
        del self._styles[name]

    def save(self) -> None:
        """Write every file again, keeping the one before as `<file>.bak`."""
        for index, path in enumerate(self.paths):
            mine = [
                style
                for style in self._styles.values()
                if style.path == path or (index == 0 and style.path not in self.paths)
            ]
            write_styles(path, mine)


def _has_text(style: Style) -> bool:
    return any(
        text.replace(PLACEHOLDER, "").strip() for text in (style.prompt, style.negative_prompt)
    )


def _first_in(
    styles: Iterable[Style], prompt: str, negative_prompt: str
) -> tuple[Style, str, str] | None:
    for style in styles:
        positive = extract_text(style.prompt, prompt)
        negative = extract_text(style.negative_prompt, negative_prompt)
        if positive is not None and negative is not None:
            return style, positive, negative
    return None


def _expand(pattern: Path) -> list[Path]:
    if not any(mark in pattern.name for mark in "*?"):
        return [pattern]
    return [Path(found) for found in sorted(glob.glob(str(pattern)))]


def read_styles(path: Path) -> list[Style]:
    """Read one file: a table `name,prompt,negative_prompt` (or the older `name,text`).

    Empty rows and rows whose name begins with `#` are skipped. Raises InvalidRequest when this is
    no such table.
    """
    if not path.is_file():
        return []
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    table = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        columns, rows = table.fieldnames, list(table)
    except csv.Error as error:
        raise InvalidRequest(f"The style file {path} cannot be read: {error}.") from error
    if columns is not None and "name" not in columns:
        raise InvalidRequest(
            f"{path} is no style file: its first line has no column called 'name'.",
            "The first line should be: name,prompt,negative_prompt",
        )
    return [
        Style(
            row["name"],
            row.get("prompt") or row.get("text") or "",
            row.get("negative_prompt") or "",
            path,
        )
        for row in rows
        if row["name"] and not row["name"].startswith("#")
    ]


def write_styles(path: Path, styles: Iterable[Style]) -> None:
    """Write one file, through a temporary one, and keep the old one as `<file>.bak`."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    table.writerows((style.name, style.prompt, style.negative_prompt) for style in styles)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(out.getvalue().encode("utf-8-sig"))
    if path.exists():
        os.replace(path, path.with_name(path.name + ".bak"))
    os.replace(fresh, path)
