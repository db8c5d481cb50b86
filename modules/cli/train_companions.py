"""`webui.py train-companions`: the training room's own flags, with the program's environment."""

import argparse
from collections.abc import Sequence

from modules.log import set_up_logging
from modules.training.companions.command import add_arguments
from modules.training.companions.command import run as train


def run(arguments: Sequence[str]) -> int:
    """Train the small companions as the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="webui.py train-companions",
        description="Train the LoRA, embedding and ControlNet that come with Easel.",
    )
    add_arguments(parser)
    chosen = parser.parse_args(arguments)
    set_up_logging()
    return train(chosen)
