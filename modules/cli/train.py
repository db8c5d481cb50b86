"""`webui.py train-embedded`: the training room's own flags, with the program's environment."""

import argparse
from collections.abc import Sequence

from modules.log import set_up_logging
from modules.training.command import add_arguments
from modules.training.command import run as train


def run(arguments: Sequence[str]) -> int:
    """Train the embedded model as the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="webui.py train-embedded",
        description="Train the model that comes with Easel. Stopped, it goes on where it was.",
    )
    add_arguments(parser)
    chosen = parser.parse_args(arguments)
    set_up_logging()
    return train(chosen)
