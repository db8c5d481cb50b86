"""What `webui.py extensions` does: one function for each action."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules.service.extensions import ExtensionDesk

Result = Sequence[Mapping[str, Any]]
"""What is to be printed: a row for each extension."""


def listed(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Every extension with whether it works and what is wrong with it."""
    plan = desk.plan()
    return [
        {
            "name": row.folder.name,
            "state": "on" if plan.wants(row.folder) else "off",
            "version": row.folder.manifest.version,
            "kind": row.folder.kind,
            "path": str(row.folder.path),
            "problem": row.folder.problem,
            "notes": list(row.notes),
        }
        for row in desk.rows()
    ]


def installed(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Install one."""
    folder = desk.install(chosen.source, commit=chosen.commit)
    return [{"name": folder.name, "state": "off", "path": str(folder.path)}]


def switched(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Switch one on or off."""
    on = chosen.action == "enable"
    desk.switch(chosen.name, on)
    return [{"name": desk.find(chosen.name).name, "state": "on" if on else "off"}]


def removed(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Remove one."""
    return [{"name": chosen.name, "state": "removed", "path": str(desk.remove(chosen.name))}]


def checked(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Ask for the newest commit of one."""
    newest = desk.newest(chosen.name)
    there = next(row.source.commit for row in desk.rows() if row.folder == desk.find(chosen.name))
    state = "newest" if newest == there else f"has {there[:8]}, newest is {newest[:8]}"
    return [{"name": chosen.name, "state": state, "commit": newest}]


def updated(desk: ExtensionDesk, chosen: argparse.Namespace) -> Result:
    """Update one."""
    source = desk.update(chosen.name, chosen.commit)
    return [{"name": chosen.name, "state": f"at {source.commit[:8]}", "commit": source.commit}]


ACTIONS: Mapping[str, Callable[[ExtensionDesk, argparse.Namespace], Result]] = {
    "list": listed,
    "install": installed,
    "enable": switched,
    "disable": switched,
    "remove": removed,
    "check": checked,
    "update": updated,
}
