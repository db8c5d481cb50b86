"""Which script is to run around a request, and with which arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ScriptCall:
    """A script that makes many requests of one; the request around it says what they share."""

    name: str
    """As in the menu; letter case does not matter."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """Values by the names of the script's fields, JSON-like; what is absent has its default."""
    random: int = -1
    """What all random choices of the script follow from; chosen when submitted if negative."""
