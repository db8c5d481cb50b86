"""The commands `train-embedded` and `eval-embedded`: their flags, and what they call.

Torch is imported only when a command runs, so that asking for help stays quick.
"""

import argparse
import sys
import time
from pathlib import Path

DEFAULT_STATE = Path("models/.training")
DEFAULT_OUT = Path("models/Stable-diffusion/easel-mini.safetensors")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `train-embedded`."""
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder to resume from")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the checkpoint to write")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--processes", type=int, help="processes on a CPU (default 2)")
    parser.add_argument("--stage", action="append", help="only this stage; may be repeated")
    parser.add_argument("--minutes", type=float, help="stop (resumably) after so many minutes")
    parser.add_argument("--world", action="append", help="simple, middle or wide; may be repeated")
    for name in ("autoencoder-steps", "text-steps", "latents", "unet-steps", "decoder-steps"):
        parser.add_argument(f"--{name}", type=int, help="instead of the recipe's number")
    parser.add_argument("--flat-until", type=float, help="share of U-Net steps at full rate")
    parser.add_argument(
        "--tower", choices=("to-unet", "from-unet"), default="", help="carry the text encoder first"
    )
    parser.add_argument(
        "--answers-weight", type=float, help="how much the U-Net's stage minds forgotten words"
    )


def run(args: argparse.Namespace) -> int:
    """Train as the flags say; returns the exit code."""
    from dataclasses import replace

    from modules.training.embedded import STAGES, Run, train_embedded
    from modules.training.recipe import SHIPPED

    names = [f"{stage}_steps" for stage in ("autoencoder", "text", "unet", "decoder")]
    given = {
        name: getattr(args, name) for name in (*names, "latents", "flat_until", "answers_weight")
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if args.world:
        changes["worlds"] = tuple(args.world)
    train_embedded(
        Run(
            out=args.out,
            state=args.state,
            recipe=replace(SHIPPED, **changes),
            device=args.device,
            processes=args.processes or (2 if args.device == "cpu" else 1),
            stages=tuple(args.stage or STAGES),
            tower=args.tower,
            deadline=time.time() + args.minutes * 60 if args.minutes else float("inf"),
        )
    )
    return 0


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `eval-embedded`."""
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_OUT, help="what to measure")
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder of the probe")
    parser.add_argument("--world", default="simple", help="simple, middle or wide")
    parser.add_argument("--count", type=int, default=500, help="captions of one thing, and of two")
    parser.add_argument("--scale", type=float, action="append", help="CFG scale; may be repeated")
    parser.add_argument("--steps", type=int, default=20, help="sampling steps")
    parser.add_argument("--processes", type=int, default=2, help="processes that draw")
    parser.add_argument("--probe-steps", type=int, default=2000, help="training of the probe")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--sheet", type=Path, help="draw the first 64 captions into this file")


def evaluate(args: argparse.Namespace) -> int:
    """Measure as the flags say; returns the exit code."""
    import logging

    import torch

    from modules.training.evaluation.evaluate import Evaluation
    from modules.training.evaluation.evaluate import evaluate as measure

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    figures = measure(
        Evaluation(
            checkpoint=args.checkpoint,
            state=args.state,
            world=args.world,
            count=args.count,
            scales=tuple(args.scale or (1.0, 7.0)),
            steps=args.steps,
            processes=args.processes,
            probe_steps=args.probe_steps,
            json=args.json,
            sheet=args.sheet,
        )
    )
    print(figures.pop("table"))
    figures.pop("scores")
    print("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


def main(arguments: list[str]) -> int:
    """`python -m modules.training.command train|evaluate ...`, for runs apart from the program."""
    parser = argparse.ArgumentParser(prog="modules.training.command", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_arguments(commands.add_parser("train"))
    add_evaluation_arguments(commands.add_parser("evaluate"))
    args = parser.parse_args(arguments)
    return run(args) if args.command == "train" else evaluate(args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
