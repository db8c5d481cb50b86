"""The command `train-upscaler`: its flags, and what it calls."""

import argparse
import logging
import time
from functools import partial
from pathlib import Path

DEFAULT_STATE = Path("models/.training")
DEFAULT_OUT = Path("models/RealESRGAN/easel-2x.safetensors")
DEFAULT_STEPS = 8000

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `train-upscaler`."""
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder to resume from")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the file to write")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop (resumably) after so many minutes")


def run(args: argparse.Namespace) -> int:
    """Train as the flags say; returns the exit code."""
    from modules.training.team import run_team

    args.state.mkdir(parents=True, exist_ok=True)
    run_team(args.processes, partial(_work, args))
    return 0


def _work(args: argparse.Namespace, team: "object") -> None:
    from torch import Tensor

    from modules.training.loop import Clock, Trainer, train
    from modules.training.team import Team
    from modules.training.upscaler_stage import (
        CompactUpscaler,
        UpscalerStage,
        UpscalerTask,
        gain_over_lanczos,
        upscaler_plan,
        write_upscaler,
    )

    assert isinstance(team, Team)
    task = UpscalerTask(plan=upscaler_plan(args.steps))
    trainer = Trainer(UpscalerStage(task), task.plan, args.state / "upscaler.pt")
    deadline = time.time() + 60 * args.minutes if args.minutes else float("inf")

    def picture(weights: dict[str, Tensor], step: int) -> None:
        network = CompactUpscaler()
        network.load_state_dict(weights)
        own, lanczos = gain_over_lanczos(network)
        log.info("upscaler %d held out: %.2f dB, Lanczos %.2f dB", step, own, lanczos)
        facts = {"psnr": f"{own:.2f}", "psnr_lanczos": f"{lanczos:.2f}", "steps": str(step)}
        write_upscaler(weights, args.out, facts)

    train("upscaler", trainer, team, Clock(deadline, picture_every=300.0), picture)
