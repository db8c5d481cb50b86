"""The six extensions for A1111's webui that tests run, as their owner would have them."""

import shutil
from pathlib import Path

WRITTEN = Path(__file__).parent / "data" / "extensions"
FIVE = ("brightness-lever", "gentle-sampler", "greeting-route", "page-notes", "polite-options")
BROKEN = "broken-script"


def put_extensions(data: Path, *names: str) -> None:
    """Copy the extensions, as they are, below `data`; all six without names."""
    for name in names or (*FIVE, BROKEN):
        shutil.copytree(WRITTEN / name, data / "extensions" / name)
