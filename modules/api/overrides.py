"""Settings that a single request may change for itself."""

from collections.abc import Mapping
from typing import Any

from modules.service.visitor import require_admin
from modules.settings.store import settings_fields

PRIVILEGED = ("folders.",)
"""Paths of settings that decide where on the disk something is written."""


def permitted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `overrides` as they are. Raises Forbidden if the visitor may not have one of them."""
    for name in overrides:
        item = settings_fields().get(name)
        if item is not None and item.path.startswith(PRIVILEGED):
            require_admin(f"choose folders ({name})")
    return dict(overrides)
