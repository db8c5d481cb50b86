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

from modules.errors import WebUIError
from modules.model.loader import load_model
from modules.training.autoencoder_stage import psnr, round_trip
from modules.training.draw import Studio, studio_of
from modules.training.evaluation.adherence import Score, answers_to, table
from modules.training.evaluation.probe import Probe, ProbeStage, ProbeTask
from modules.training.evaluation.sitting import Atelier
from modules.training.facts import QUESTIONS
from modules.training.loop import Clock, Plan, Trainer, train
from modules.training.pictures import save_sheet, scene_pixels, to_pictures
from modules.training.team import Team
from modules.training.world.captions import COMPLETE_HABITS, Habits, write_caption
from modules.training.world.scene import SIMPLE, WIDE, Scene, World, scene_at

log = logging.getLogger(__name__)

PROBE_GATE = 0.97
"""The probe must score at least this on true pictures before its word counts."""

PROBE_KINDS = (("one", 0.2), ("two", 0.65), ("pair", 0.1), ("trio", 0.05))
"""The probe looks at two things most of the time: telling them apart is what it learns last."""

MEASURED_KINDS = (("one", 1.0), ("two", 1.0), ("pair", 0.2))
NO_BACKDROP = Habits(omit_colours=0, omit_backdrop=1, omit_relation=0, decorate=0, tags=0)
NEGATIVES: tuple[tuple[str, str, str], ...] = (
    ("sky", "none", "background, plain background"),
    ("sky", "day", "daylight, blue sky, on a sunny day"),
    ("sky", "sunset", "sunset, orange sky, dusk"),
    ("sky", "night", "night, dark sky, midnight"),
)
"""What the probe looks for, and the negative prompt that should make it rarer."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One call of the evaluation command."""

    checkpoint: Path
    state: Path
    count: int = 500
    """Held-out captions of one thing, and of two kinds of things; a fifth as many of a pair."""
    scales: tuple[float, ...] = (1.0, 7.0)
    steps: int = 20
    processes: int = 2
    probe_steps: int = 2000
    json: Path | None = None
    sheet: Path | None = None


def trained_probe(state: Path, steps: int, deadline: float = float("inf")) -> Probe:
    """The probe, trained as far as it is not yet; its weights are kept in the state folder."""
    state.mkdir(parents=True, exist_ok=True)
    plan = Plan(steps=steps, rate=2e-3, average=0.995, weight_decay=0.01)
    worlds = tuple(replace(world, kinds=PROBE_KINDS) for world in (SIMPLE, SIMPLE, WIDE))
    task = ProbeTask(plan=plan, worlds=worlds)
    trainer = Trainer(ProbeStage(task), plan, state / "probe.pt")
    if trainer.step < steps and not train("probe", trainer, Team(), Clock(deadline)):
        raise WebUIError("The probe is not trained yet.", "Run the evaluation again to go on.")
    probe = Probe()
    probe.load_state_dict(trainer.averaged())
    return probe.eval()


def of_kind(world: World, kind: str) -> World:
    """The world with only one kind of scene."""
    return replace(world, kinds=((kind, 1.0),))


def held_out_set(world: World, count: int) -> list[tuple[Scene, str]]:
    """Held-out scenes with complete captions, in a mixed order: `count` times `MEASURED_KINDS`."""
    chosen: list[tuple[Scene, str]] = []
    for kind, share in MEASURED_KINDS:
        for number in range(round(count * share)):
            scene = scene_at(of_kind(world, kind), number, seed=902, held_out=True)
            rng = Random(f"evaluate/{kind}/{number}")
            chosen.append((scene, write_caption(scene, rng, COMPLETE_HABITS).text))
    Random(902).shuffle(chosen)
    return chosen


def _negative_effect(atelier: Atelier, count: int) -> dict[str, dict[str, float]]:
    """How often something appears unasked at CFG 7, without and with a negative prompt for it."""
    scenes = [scene_at(of_kind(SIMPLE, "one"), n, seed=903, held_out=True) for n in range(count)]
    prompts = [
        write_caption(scene, Random(f"negative/{n}"), NO_BACKDROP).text
        for n, scene in enumerate(scenes)
    ]
    names = [question.name for question in QUESTIONS]
    plain = atelier.answers(prompts, 7.0)
    effect = {}
    for question, answer, negative in NEGATIVES:
        column = names.index(question)
        wanted = QUESTIONS[column].answers.index(answer)
        against = atelier.answers(prompts, 7.0, negative)
        effect[negative] = {
            "without": round(plain[:, column].eq(wanted).float().mean().item(), 4),
            "with": round(against[:, column].eq(wanted).float().mean().item(), 4),
            "n": count,
        }
    return effect


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
    """Measure a checkpoint; returns all figures and a table (also written to `json`)."""
    started = time.time()
    probe = trained_probe(options.state, options.probe_steps)
    looks = options.state / "probe-weights.pt"
    torch.save(probe.state_dict(), looks)
    studio = studio_of(load_model(options.checkpoint))
    chosen = held_out_set(SIMPLE, options.count)
    scenes, prompts = [scene for scene, _ in chosen], [text for _, text in chosen]
    cap, copied, ratio = _caps(probe, studio, scenes)
    atelier = Atelier(options.checkpoint, looks, steps=options.steps, processes=options.processes)
    try:
        scores = [cap, copied, *_adherence(atelier, options.scales, scenes, prompts)]
        effect = _negative_effect(atelier, min(100, options.count))
    finally:
        atelier.close()
    figures: dict[str, object] = {
        "checkpoint": options.checkpoint.name,
        "scores": {score.name: score.as_json() for score in scores},
        "autoencoder_psnr": round(ratio, 2),
        "weak_probe_rows": _weak_rows(cap),
        "negative_prompts": effect,
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
