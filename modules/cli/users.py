"""`webui.py users`: who may log in. Takes effect at once, also in a program that runs."""

import argparse
import getpass
import sys
from collections.abc import Sequence

from modules.cli.main import FINE
from modules.errors import InvalidRequest
from modules.paths import Paths
from modules.service.visitor import ADMIN, ROLES
from modules.settings.launch import FlagParser, Launch


def run(arguments: Sequence[str]) -> int:
    """Add, remove or list; returns the exit code."""
    chosen = read(arguments)
    from modules.service.users import Users  # only now: --help works before anything is installed

    users = Users(Launch(data_dir=chosen.data_dir).paths().users)
    if chosen.action == "add":
        users.add(chosen.name, ask_password(chosen.name), chosen.role)
        print(f"{chosen.name} may log in ({chosen.role}).")
    elif chosen.action == "remove":
        users.remove(chosen.name)
        print(f"{chosen.name} may not log in any more.")
    else:
        for account in users.accounts.values():
            print(f"{account.name}\t{account.role}")
    return FINE


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse; a wrong word ends the program with exit code 2."""
    parser = FlagParser(
        prog="webui.py users",
        description="Say who may log in. As soon as there is one user, everybody must be one.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | remove | list")
    add = actions.add_parser("add", help="let somebody in, or change a password or role")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=ROLES, default=ADMIN, help=f"default: {ADMIN}")
    remove = actions.add_parser("remove", help="let somebody in no longer")
    remove.add_argument("name", metavar="NAME")
    listing = actions.add_parser("list", help="name everybody, with roles")
    for action in (add, remove, listing):
        default = Paths().users.parent
        action.add_argument(
            "--data-dir", default="", metavar="TEXT", help=f"folder of your files ({default})"
        )
    found: argparse.Namespace = parser.parse_args(arguments)
    return found


def ask_password(name: str) -> str:
    """Ask twice without showing it; from a pipe, read one line. Raises InvalidRequest."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password for {name}: ")
    if getpass.getpass("Once more: ") != first:
        raise InvalidRequest("These are two different passwords.")
    return first
