"""Check everything with one command: `python -m tests`.

Format, lint, types, house rules and docs are tests like the others (`test_tools.py`,
`test_house.py`, `test_docs.py`), so that the closing line of pytest speaks for all of them.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("Easel needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

import argparse
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = {
    "slow": "also tests that take more than a few seconds",
    "golden": "also compare with the reference pictures",
    "browser": "also drive a real Chromium",
    "gpu": "also tests that need a CUDA device",
}


def read_arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return our own flags, and the rest, which is pytest's."""
    parser = argparse.ArgumentParser(
        prog="python -m tests",
        description="Check format, lint, types, house rules and docs, and run the tests.",
        epilog="Everything else is handed to pytest: paths, -k WORD, -x, ...",
    )
    parser.add_argument("--fix", action="store_true", help="first repair what can be repaired")
    for kind, text in KINDS.items():
        parser.add_argument(f"--{kind}", action="store_true", help=text)
    return parser.parse_known_args()


def repair() -> None:
    """Format the code, apply ruff's safe fixes and rewrite generated documents."""
    for command in (
        ["-m", "ruff", "check", "--fix", "--quiet", "."],
        ["-m", "ruff", "format", "."],
        ["-m", "modules.cli.documents"],
    ):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=False)


def side_by_side(rest: list[str]) -> list[str]:
    """Return pytest's flags for one test process a core, unless the caller chose (`-n 0`).

    A file's tests stay together and in order, and the files in theirs: browsers come last.
    """
    if any(word.startswith(("-n", "--numprocesses", "--pdb", "-s")) for word in rest):
        return []
    count = str(min(4, os.cpu_count() or 1))
    return ["-n", count, "--dist", "loadfile", "--no-loadscope-reorder"]


def main() -> int:
    """Run what was asked for; returns pytest's exit status."""
    chosen, rest = read_arguments()
    from modules.bootstrap.environment import DEVELOPMENT, ensure_environment
    from modules.errors import WebUIError

    try:
        ensure_environment(ROOT, DEVELOPMENT)
    except WebUIError as error:
        sys.exit(f"{error.message}\n{error.hint}")
    if chosen.fix:
        repair()
    left_out = [kind for kind in KINDS if not getattr(chosen, kind)]
    marks = " and ".join(f"not {kind}" for kind in left_out)
    flags = ["-m", marks, *side_by_side(rest), *rest]
    return subprocess.call([sys.executable, "-m", "pytest", *flags], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
