"""Measure: `python -m benchmarks` does all of it, `python -m benchmarks NAME` one thing.

python -m benchmarks --quick
python -m benchmarks sampler_overhead --steps 50
"""

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Hand the rest of the command line to the module that is named first, else to the suite."""
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("[a-z]*.py"))
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        from benchmarks.suite.run import main as suite

        sys.exit(suite())
    if sys.argv[1] not in names:
        sys.exit(f"usage: python -m benchmarks [{{{','.join(names)}}}] [arguments]")
    name = sys.argv.pop(1)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
