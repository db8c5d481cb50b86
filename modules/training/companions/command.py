"""The command `train-companions`: its flags, and what it calls."""

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modules.errors import InvalidRequest

if TYPE_CHECKING:
    from torch import Tensor

    from modules.training.companions.teacher import Teacher
    from modules.training.loop import Plan, Stage
    from modules.training.team import Team

DEFAULT_STATE = Path("models/.training")
DEFAULT_CHECKPOINT = Path("models/Stable-diffusion/easel-mini.safetensors")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Companion:
    """A small file that can be trained: where it goes, and how long it learns."""

    out: Path
    steps: int


COMPANIONS = {
    "style": Companion(Path("models/Lora/easel-cyanotype.safetensors"), 600),
    "word": Companion(Path("embeddings/easel-turquoise.safetensors"), 300),
    "edges": Companion(Path("models/ControlNet/easel-edges.safetensors"), 2500),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `train-companions`."""
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="goes with it")
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder to resume from")
    parser.add_argument("--only", choices=tuple(COMPANIONS), help="one of them")
    parser.add_argument("--steps", type=int, help="instead of each one's own number")
    parser.add_argument("--out", type=Path, help="the file to write, with --only")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop (resumably) after so many minutes")


def run(args: argparse.Namespace) -> int:
    """Train as the flags say; returns the exit code."""
    from modules.training.team import run_team

    if args.out and not args.only:
        raise InvalidRequest("--out names one file, but several are trained.", "Add --only.")
    args.state.mkdir(parents=True, exist_ok=True)
    args.deadline = time.time() + 60 * args.minutes if args.minutes else float("inf")
    for kind in [args.only] if args.only else COMPANIONS:
        run_team(args.processes, partial(_work, args, kind))
    return 0


def _work(args: argparse.Namespace, kind: str, team: "Team") -> None:
    from modules.training.companions.teacher import load_teacher
    from modules.training.loop import Clock, Trainer, train

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    companion = COMPANIONS[kind]
    stage, plan, write = _stage(kind, load_teacher(args.checkpoint), args.steps or companion.steps)
    trainer = Trainer(stage, plan, args.state / f"{kind}.pt")
    out = args.out or companion.out

    def keep(weights: "dict[str, Tensor]", step: int) -> None:
        facts = {"modelspec.title": out.stem, "ss_steps": str(step), "made_for": "easel-mini"}
        write(weights, out, facts)
        log.info("wrote %s (step %d, %.1f MB)", out, step, out.stat().st_size / 1e6)

    train(kind, trainer, team, Clock(args.deadline, picture_every=300.0), keep)


def _stage(
    kind: str, teacher: "Teacher", steps: int
) -> "tuple[Stage, Plan, Callable[[dict[str, Tensor], Path, dict[str, str]], None]]":
    from modules.training.companions import edges_stage, style_stage, word_stage
    from modules.training.loop import Plan

    if kind == "style":
        plan = Plan(steps=steps, rate=2e-3, warm_up=30, average=0.99)
        style = style_stage.StyleStage(style_stage.StyleTask(plan=plan), teacher)
        return style, plan, style_stage.write_style
    if kind == "word":
        plan = Plan(steps=steps, rate=5e-3, average=0.98)
        word = word_stage.WordStage(word_stage.WordTask(plan=plan), teacher)
        return word, plan, word_stage.write_word
    plan = Plan(steps=steps, rate=3e-4, flat_until=0.6)
    edges = edges_stage.EdgesStage(edges_stage.EdgesTask(plan=plan), teacher)
    return edges, plan, edges_stage.write_edges
