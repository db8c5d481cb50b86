"""`extension.toml`: what an extension says of itself, and what it asks to be allowed."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.errors import WebUIError, closest_hint
from modules.extension.hooks import ABOUT

FILE = "extension.toml"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class BadExtension(WebUIError):
    """An extension that cannot be used, and why."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The head of an extension."""

    name: str
    version: str = ""
    license: str = ""
    description: str = ""
    author: str = ""
    requires: tuple[str, ...] = ()
    """Names of extensions that must be there too; `easel>=1.2` is about the program."""
    hooks: tuple[str, ...] = ()
    """What it may do: hooks that are not named here are not called."""
    switched_on: bool = True
    """Whether it works without being asked; examples wait until somebody switches them on."""


KEYS: Mapping[str, type] = {
    "name": str,
    "version": str,
    "license": str,
    "description": str,
    "author": str,
    "requires": list,
    "hooks": list,
    "switched_on": bool,
}


def read_manifest(folder: Path) -> Manifest:
    """Read `folder`'s manifest. Raises BadExtension."""
    try:
        values = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadExtension(f"{FILE} of {folder.name} cannot be read: {error}.") from error
    given: dict[str, Any] = {}
    for key, value in values.items():
        kind = KEYS.get(key)
        if kind is None:
            raise BadExtension(
                f"{FILE} of {folder.name} has an unknown key {key!r}.", closest_hint(key, KEYS)
            )
        if not isinstance(value, kind):
            raise BadExtension(f"{key} in {FILE} of {folder.name} must be a {kind.__name__}.")
        given[key] = tuple(map(str, value)) if isinstance(value, list) else value
    name = str(given.setdefault("name", folder.name.lower()))
    if not NAME.fullmatch(name):
        raise BadExtension(
            f"An extension cannot be called {name!r:.80}.",
            "A name has small letters, digits and .-_ and begins with a letter or digit.",
        )
    for asked in given.get("hooks", ()):
        if asked not in ABOUT:
            raise BadExtension(
                f"{FILE} of {name} asks for an unknown hook {asked!r}.", closest_hint(asked, ABOUT)
            )
    return Manifest(**given)
