"""The whole evaluation of a checkpoint: adherence, guidance, negative prompts, fixed seeds.

Captions are complete captions of held-out scenes, which no stage of training has drawn or told.
`cap` is the probe on the true pictures, `cap, round trip` on the true pictures through the
autoencoder (the best any U-Net could score), `chance` the samples against other captions.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch

from modules.errors import NotFound, WebUIError
from modules.model.loader import load_model
from modules.training.autoencoder_stage import psnr, round_trip
from modules.training.draw import Studio, studio_of
from modules.training.evaluation.adherence import Score, answers_to, table
from modules.training.evaluation.effects import negative_effect, painting_in, redrawing
from modules.training.evaluation.probe import (
    Probe,
    ProbeStage,
    ProbeTask,
    load_probe,
    probe_name,
    save_probe,
    weights_name,
)
from modules.training.evaluation.sitting import Atelier
from modules.training.growth import grow_answers
from modules.training.loop import Clock, Plan, Trainer, train
from modules.training.pictures import save_sheet, scene_pixels, to_pictures
from modules.training.team import Team
from modules.training.world.captions import COMPLETE_HABITS, write_caption
from modules.training.world.scene import (
    MIDDLE,
    SIMPLE,
    WIDE,
    WORLDS,
    Scene,
    World,
    of_kind,
    scene_at,
)

log = logging.getLogger(__name__)

PROBE_GATE = 0.97
"""The probe must score at least this on true pictures before its word counts."""

PROBE_KINDS = (("one", 0.2), ("two", 0.65), ("pair", 0.1), ("trio", 0.05))
"""The probe looks at two things most of the time: telling them apart is what it learns last."""

WIDE_PROBE_KINDS = (("one", 0.25), ("two", 0.55), ("pair", 0.07), ("trio", 0.07), ("quartet", 0.06))
WIDE_PROBE_SIDE = 96
"""Stripes and small things need more pixels to be seen."""

MEASURED_KINDS = (("one", 1.0), ("two", 1.0), ("pair", 0.2), ("trio", 0.2), ("quartet", 0.2))
"""Kinds of scenes in an evaluation by their share of its count, as far as the world has them."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One call of the evaluation command."""

    checkpoint: Path
    state: Path
    world: str = "simple"
    count: int = 500
    """Held-out captions of one thing, and of two; a fifth as many of several of a kind."""
    scales: tuple[float, ...] = (1.0, 7.0)
    steps: int = 20
    processes: int = 2
    probe_steps: int = 2000
    json: Path | None = None
    sheet: Path | None = None


def probe_task(world: str, plan: Plan) -> ProbeTask:
    """How the probe for the named world learns."""
    if world == "simple":
        worlds = tuple(replace(each, kinds=PROBE_KINDS) for each in (SIMPLE, SIMPLE, MIDDLE))
        return ProbeTask(plan=plan, worlds=worlds)
    worlds = tuple(replace(each, kinds=WIDE_PROBE_KINDS) for each in (WORLDS[world], WIDE))
    return ProbeTask(plan=plan, worlds=worlds, side=WIDE_PROBE_SIDE)


def trained_probe(
    state: Path, steps: int, world: str = "simple", deadline: float = float("inf")
) -> Path:
    """Train the probe as far as it is not yet; returns the file of its weights in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    grow_answers(state)
    plan = Plan(steps=steps, rate=2e-3, average=0.995, weight_decay=0.01)
    task, name = probe_task(world, plan), probe_name(world)
    trainer = Trainer(ProbeStage(task), plan, state / f"{name}.pt")
    if trainer.step < steps and not train(name, trainer, Team(), Clock(deadline)):
        raise WebUIError("The probe is not trained yet.", "Run the evaluation again to go on.")
    probe = Probe(task.width, task.side, task.thoughts)
    probe.load_state_dict(trainer.averaged())
    save_probe(probe, state / weights_name(world))
    return state / weights_name(world)


def held_out_set(world: World, count: int) -> list[tuple[Scene, str]]:
    """Held-out scenes with complete captions, in a mixed order: `count` times `MEASURED_KINDS`."""
    chosen: list[tuple[Scene, str]] = []
    known = dict(world.kinds)
    for kind, share in MEASURED_KINDS:
        for number in range(round(count * share) if kind in known else 0):
            scene = scene_at(of_kind(world, kind), number, seed=902, held_out=True)
            rng = Random(f"evaluate/{kind}/{number}")
            chosen.append((scene, write_caption(scene, rng, COMPLETE_HABITS).text))
    Random(902).shuffle(chosen)
    return chosen


def _repeatable(studio: Studio) -> bool:
    """Whether the same seed gives the same pixels twice, and another seed others."""
    prompt = ["a red ball on a white background"]
    first, again, other = (studio.draw(prompt, [seed], cfg_scale=4.0) for seed in (5, 5, 6))
    return bool(first.equal(again) and not first.equal(other))


def _caps(probe: Probe, studio: Studio, scenes: list[Scene]) -> tuple[Score, Score, float]:
    """The probe on true pictures, on their round trips, and the round trips' PSNR in dB."""
    cap, copied, ratios = Score("cap"), Score("cap, round trip"), []
    for start in range(0, len(scenes), 50):
        part = scenes[start : start + 50]
        pixels = scene_pixels(part)
        trip = round_trip(studio.autoencoder, pixels)
        cap.add(part, answers_to(probe, pixels))
        copied.add(part, answers_to(probe, trip))
        ratios.append(psnr(trip, pixels) * len(part))
    return cap, copied, sum(ratios) / len(scenes)


def _weak_rows(cap: Score) -> list[str]:
    """The rows on which the probe itself is not good enough to be quoted."""
    weak = [
        row for row, share in cap.shares.items() if row != "everything" and share.value < PROBE_GATE
    ]
    if weak:
        log.warning("The probe itself is under %.2f on: %s", PROBE_GATE, ", ".join(weak))
    return weak


def _adherence(
    atelier: Atelier, scales: Sequence[float], scenes: list[Scene], prompts: list[str]
) -> list[Score]:
    """A score for each CFG scale, and the last one's pictures against other captions."""
    scores, chance = [], Score("chance")
    for scale in scales:
        score = Score(f"CFG {scale:g}")
        seen = atelier.answers(prompts, scale)
        score.add(scenes, seen)
        scores.append(score)
        chance = Score("chance")
        chance.add(scenes, seen.roll(1, dims=0))
    return [*scores, chance]


def evaluate(options: Evaluation) -> dict[str, object]:
    """Measure a checkpoint; returns all figures and a table (also written to `json`).

    Raises NotFound for an unknown world.
    """
    if options.world not in WORLDS:
        raise NotFound("world", options.world, WORLDS)
    started, world = time.time(), WORLDS[options.world]
    looks = trained_probe(options.state, options.probe_steps, options.world)
    probe = load_probe(looks)
    studio = studio_of(load_model(options.checkpoint))
    chosen = held_out_set(world, options.count)
    scenes, prompts = [scene for scene, _ in chosen], [text for _, text in chosen]
    cap, copied, ratio = _caps(probe, studio, scenes)
    atelier = Atelier(options.checkpoint, looks, steps=options.steps, processes=options.processes)
    few = min(100, options.count)
    try:
        scores = [cap, copied, *_adherence(atelier, options.scales, scenes, prompts)]
        figures: dict[str, object] = {
            "negative_prompts": negative_effect(atelier, world, few),
            "img2img": redrawing(atelier, world, few),
            "inpainting": painting_in(atelier, world, few),
        }
    finally:
        atelier.close()
    figures |= {
        "checkpoint": options.checkpoint.name,
        "world": options.world,
        "scores": {score.name: score.as_json() for score in scores},
        "autoencoder_psnr": round(ratio, 2),
        "weak_probe_rows": _weak_rows(cap),
        "same_seed_same_picture": _repeatable(studio),
        "steps": options.steps,
        "seconds": round(time.time() - started),
        "table": table(scores),
    }
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.sheet is not None:
        _contact_sheet(studio, prompts[:64], options.sheet)
    return figures


def _contact_sheet(studio: Studio, prompts: list[str], file: Path) -> None:
    """The first captions with seeds 0, 1, 2, ... at CFG 4, none picked."""
    parts = [
        studio.draw(prompts[n : n + 16], range(n, n + len(prompts[n : n + 16])))
        for n in range(0, len(prompts), 16)
    ]
    save_sheet(to_pictures(torch.cat(parts)), 8, file)
