"""`webui.py train-upscaler`: the training room's own flags, with the program's environment."""

import argparse
from collections.abc import Sequence

from modules.log import set_up_logging
from modules.training.upscaler_command import add_arguments
from modules.training.upscaler_command import run as train


def run(arguments: Sequence[str]) -> int:
    """Train the small upscaler as the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="webui.py train-upscaler",
        description="Train the upscaler that comes with Easel. Stopped, it goes on where it was.",
    )
    add_arguments(parser)
    chosen = parser.parse_args(arguments)
    set_up_logging()
    return train(chosen)
