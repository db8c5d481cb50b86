"""Draw the learning curves of the embedded model's training.

python scripts/training_chart.py [--state models/.training] [--out FILE.svg]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modules.training.chart import write_chart


def main() -> None:
    """Write the chart; ends with the reason if there is no history."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--state", type=Path, default=Path("models/.training"))
    parser.add_argument("--out", type=Path, default=Path("docs/images/easel-mini-curves.svg"))
    chosen = parser.parse_args()
    if not write_chart(chosen.state, chosen.out):
        sys.exit(f"No history of a training in {chosen.state}.")


if __name__ == "__main__":
    main()
