"""`webui.py eval-embedded`: the evaluation's own flags, with the program's environment."""

import argparse
from collections.abc import Sequence

from modules.log import set_up_logging
from modules.training.command import add_evaluation_arguments, evaluate


def run(arguments: Sequence[str]) -> int:
    """Measure how well a checkpoint follows prompts and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="webui.py eval-embedded",
        description="Measure on captions never trained on how well the embedded model obeys.",
    )
    add_evaluation_arguments(parser)
    chosen = parser.parse_args(arguments)
    set_up_logging()
    return evaluate(chosen)
