"""`webui.py extensions`: list, install, switch, update and remove them. Nothing of them runs."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from modules.cli.main import FINE
from modules.settings.launch import FlagParser, Launch
from modules.settings.store import SettingsStore

NAMED = {
    "enable": "switch one on; it works from the next start on",
    "disable": "switch one off",
    "remove": "move one to the trash of the extensions folder",
    "check": "ask where one came from for its newest commit",
}


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code."""
    chosen = read(arguments)
    from modules.cli.extension_actions import ACTIONS, ExtensionDesk

    launch = Launch(data_dir=chosen.data_dir)
    desk = ExtensionDesk(launch.paths(), launch, SettingsStore(launch.settings_file()))
    result = ACTIONS[chosen.action](desk, chosen)
    if chosen.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print_result(result)
    return FINE


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse; a wrong word ends the program with exit code 2."""
    parser = FlagParser(prog="webui.py extensions", description="See to extensions.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = [actions.add_parser("list", help="name every extension")]
    installing = actions.add_parser("install", help="copy one here; it is switched off at first")
    installing.add_argument("source", metavar="SOURCE", help="a folder, a zip or a Git address")
    installing.add_argument("--commit", default="", help="which commit of a Git address")
    made.append(installing)
    for name, about in NAMED.items():
        made.append(actions.add_parser(name, help=about))
        made[-1].add_argument("name", metavar="NAME")
    updating = actions.add_parser("update", help="bring one to a commit, or to the newest")
    updating.add_argument("name", metavar="NAME")
    updating.add_argument("--commit", default="", help="default: the newest")
    for one in (*made, updating):
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--data-dir", default="", metavar="FOLDER")
    found: argparse.Namespace = parser.parse_args(arguments)
    return found


def print_result(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one line for each extension, and what is to be known of it below."""
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        more = [str(row[key]) for key in ("version", "path") if row.get(key)]
        print(f"{row['name']:<{width}}  {row['state']:<4}  {'  '.join(more)}".rstrip())
        for line in (row.get("problem"), *row.get("notes", ())):
            if line:
                print(f"{'':<{width}}  {line}")
