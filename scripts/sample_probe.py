"""Train the small probe with which the tests look at pictures of the built-in model.

    python scripts/sample_probe.py [--steps 2400]

Six minutes of one core; writes to tests/golden/embedded/probe.safetensors and prints how well it
sees true pictures (every row should be .97 or more).
"""

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from modules.training.evaluation.adherence import Score, answers_to, table
from modules.training.evaluation.evaluate import PROBE_KINDS, held_out_set
from modules.training.evaluation.probe import (
    Probe,
    ProbeStage,
    ProbeTask,
    load_probe,
    save_probe,
)
from modules.training.facts import QUESTIONS, Question
from modules.training.loop import Clock, Plan, Trainer, train
from modules.training.pictures import scene_pixels
from modules.training.team import Team
from modules.training.world.scene import SIMPLE

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "tests" / "golden" / "embedded" / "probe.safetensors"
SCENE_QUESTIONS = ("count", "sky", "ground", "background")
THING_QUESTIONS = ("has", "colour", "place")


def asked(question: Question) -> bool:
    """Whether the simple world can be asked this."""
    kind, thing = question.name.split(" ")[0], question.name.rsplit(" ", 1)[-1]
    return kind in SCENE_QUESTIONS or (kind in THING_QUESTIONS and thing in SIMPLE.things)


def main() -> None:
    """Train, write, look."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=2400)
    steps = parser.parse_args().steps
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    plan = Plan(steps=steps, rate=3e-3, average=0.995, weight_decay=0.01)
    worlds = (replace(SIMPLE, kinds=PROBE_KINDS),)
    task = ProbeTask(plan=plan, worlds=worlds, width=12, side=48, thoughts=128)
    with TemporaryDirectory() as folder:
        trainer = Trainer(ProbeStage(task), plan, Path(folder) / "probe.pt")
        train("sample probe", trainer, Team(), Clock())
    probe = Probe(task.width, task.side, task.thoughts)
    probe.load_state_dict(trainer.averaged())
    PLACE.parent.mkdir(exist_ok=True)
    save_probe(probe, PLACE, tuple(filter(asked, QUESTIONS)))
    scenes = [scene for scene, _ in held_out_set(SIMPLE, 100)]
    score = Score("true pictures")
    score.add(scenes, answers_to(load_probe(PLACE), scene_pixels(scenes)))
    print(table([score]))


if __name__ == "__main__":
    main()
