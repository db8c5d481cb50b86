"""`webui.py watermark`: look for the invisible watermark in picture files."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from modules.cli.main import FINE
from modules.errors import NotFound
from modules.settings.launch import FlagParser


def run(arguments: Sequence[str]) -> int:
    """Say for each file whether it is marked; returns the exit code. Raises WebUIError."""
    chosen = read(arguments)
    from modules.service.watermark import check_watermark  # only now: --help needs no packages

    found = {}
    for name in chosen.files:
        finding = check_watermark(content_of(name), name)
        found[name] = asdict(finding)
        if not chosen.json:
            print(f"{name}: {finding.sentence}")
    if chosen.json:
        print(json.dumps(found, indent=2))
    return FINE


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse; a wrong word ends the program with exit code 2."""
    parser = FlagParser(
        prog="webui.py watermark",
        description="Look for the invisible watermark of Stable Diffusion's first release.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture")
    parser.add_argument("--json", action="store_true", help="print JSON")
    found: argparse.Namespace = parser.parse_args(arguments)
    return found


def content_of(name: str) -> bytes:
    """A file's bytes. Raises NotFound."""
    try:
        return Path(name).read_bytes()
    except OSError:
        raise NotFound("file", name) from None
