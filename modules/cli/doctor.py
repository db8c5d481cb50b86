"""`webui.py doctor`: look at everything, draw eight pictures, and say what is wrong."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modules.cli.main import FINE, OUR_FAILURE
from modules.log import set_up_logging
from modules.settings.launch import SERVER_ONLY, FlagParser, Launch, add_flags, from_args

if TYPE_CHECKING:
    from modules.service.doctor.finding import Finding

REPORT = "easel-report.json"


def run(arguments: Sequence[str]) -> int:
    """Print findings as they come and write the report; returns the exit code."""
    chosen = parser().parse_args(arguments)
    set_up_logging(logging.ERROR)
    launch = from_args(chosen)
    from modules.service.doctor.finding import BAD, DOUBTFUL
    from modules.service.doctor.report import write_report
    from modules.settings.store import SettingsStore

    found = []
    for finding in look(launch, drawing=chosen.drawing):
        print(finding.line(), flush=True)
        found.append(finding)
    file = Path(chosen.report)
    options = SettingsStore(launch.settings_file()).options()
    write_report(file, found, options, arguments)
    bad = sum(finding.state == BAD for finding in found)
    doubtful = sum(finding.state == DOUBTFUL for finding in found)
    print(f"\n{bad} wrong, {doubtful} doubtful, {len(found) - bad - doubtful} fine.")
    print(f"{file} has all this for a bug report, without your name, paths and passwords.")
    return OUR_FAILURE if bad else FINE


def parser() -> argparse.ArgumentParser:
    """Build the parser: the flags of the program, so that what is looked at is what is used."""
    made = FlagParser(
        prog="webui.py doctor",
        description="Look at Python, packages, folders, models and settings, draw eight small "
        "pictures with the model that comes with the program, and say what is wrong.",
    )
    made.add_argument(
        "--report", default=REPORT, metavar="FILE", help=f"where to write it (default: {REPORT})"
    )
    made.add_argument(
        "--drawing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="draw the eight pictures (about half a minute without a graphics card)",
    )
    add_flags(made.add_argument_group("the program"), without=SERVER_ONLY)
    return made


def look(launch: Launch, *, drawing: bool) -> Iterator["Finding"]:
    """Yield everything there is to say about an installation, quick things first."""
    from modules.service.doctor.estimates import look_at_estimates
    from modules.service.doctor.folders import look_at_folders
    from modules.service.doctor.machine import look_at_machine
    from modules.service.doctor.models import look_at_models
    from modules.service.doctor.renders import look_at_drawing

    paths = launch.paths()
    yield from look_at_machine(paths.program)
    yield from look_at_folders(paths, launch.settings_file())
    yield from look_at_models(paths)
    yield from look_at_estimates(paths.database)
    if drawing:
        yield from look_at_drawing(launch, paths, progress)


def progress(text: str) -> None:
    """Show how far the pictures are, where somebody looks."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
