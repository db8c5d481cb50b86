"""Train the embedded model from nothing to the shipped file, in stages that survive a kill.

Each stage keeps its state in one folder and goes on where it stopped; a finished stage is passed
over. The autoencoder is frozen when the latents stage begins: from then on its encoder decides what
latents mean, and only its decoder may still learn.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.model.networks.autoencoder import Autoencoder
from modules.training.autoencoder_stage import (
    AutoencoderStage,
    AutoencoderTask,
    DecoderStage,
    held_out_scenes,
    show_round_trip,
)
from modules.training.chart import write_chart
from modules.training.draw import Studio, studio_in_training
from modules.training.export import EXAMPLES, export
from modules.training.growth import carry_tower, fit_answers, grow_states
from modules.training.latents import LatentsTask, LatentStore, freeze, preview_factors
from modules.training.loop import Clock, Trainer, train
from modules.training.painter_stage import Painter, PainterStage, PainterTask, to_ship
from modules.training.pictures import save_sheet, to_pictures
from modules.training.recipe import SHIPPED, Recipe
from modules.training.team import Team, run_team
from modules.training.text_stage import Reader, TextStage, TextTask, reading_scores
from modules.training.vocabulary import Vocabulary, world_vocabulary
from modules.training.world.captions import COMPLETE_HABITS
from modules.training.world.scene import SIMPLE, WIDE, WORLDS

log = logging.getLogger(__name__)

STAGES = ("autoencoder", "text", "latents", "unet", "decoder", "export")

SHEET_PROMPTS = (
    *EXAMPLES,
    "a red ball on a white background",
    "a blue cube on a white background",
    "a yellow heart on a blue background",
    "a green car on a yellow background",
    "a black mushroom on a pink background",
    "a white house on the sand at sunset",
    "a blue flower in the snow during the day",
    "a red tree in the snow at night",
    "a red ball to the left of a blue cube on a white background",
    "a blue cube to the left of a red ball on a white background",
    "a yellow heart next to a green tree on a black background",
    "a pink car and a white house on the grass at sunset",
    "two red mushrooms on the grass in daylight",
    "a couple of blue hearts on a white background",
    "purple tree, sunset, desert",
    "best quality, black cube, plain yellow background",
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One call of the training command."""

    out: Path
    state: Path
    recipe: Recipe = SHIPPED
    device: str = "cpu"
    processes: int = 2
    stages: tuple[str, ...] = STAGES
    deadline: float = float("inf")
    export_every: float = 1800.0
    """Seconds between exports (and sample sheets every third of it) during the U-Net stage."""
    save_every: float = 120.0
    print_every: int = 50
    """Steps between lines of the log and of the histories beside the states."""
    sheets: bool = True
    """Whether sample sheets are drawn into the state folder on the way."""
    tower: str = ""
    """Before anything else: "to-unet" puts the text stage's encoder into the U-Net's state,
    "from-unet" the other way, for teaching an old model new words."""

    def clock(self, picture_every: float = 600.0) -> Clock:
        """A fresh clock with this run's deadline."""
        return Clock(
            self.deadline,
            save_every=self.save_every,
            print_every=self.print_every,
            picture_every=picture_every,
        )

    @property
    def frozen(self) -> Path:
        """The frozen autoencoder's weights."""
        return self.state / "autoencoder-frozen.pt"

    @property
    def decoder(self) -> Path:
        """The state of the decoder that learnt on."""
        return self.state / "decoder.pt"

    @property
    def latents(self) -> LatentsTask:
        """The scenes whose latents the U-Net learns from."""
        return LatentsTask(
            worlds=self.recipe.taught, count=self.recipe.latents, size=self.recipe.size
        )


def _load(path: Path, what: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise WebUIError(f"There is no {what} yet.", "Train the stages in their order.")
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _autoencoder(run: Run, team: Team) -> bool:
    """Train the autoencoder; the sheet shows originals above round trips."""
    if run.frozen.is_file():
        return True
    recipe = run.recipe
    task = AutoencoderTask(
        config=recipe.autoencoder,
        plan=recipe.autoencoder_plan,
        batch=recipe.autoencoder_batch,
        size=recipe.size,
        wide_every=recipe.wide_every,
    )
    stage = AutoencoderStage(task, torch.device(run.device))
    trainer = Trainer(stage, task.plan, run.state / "autoencoder.pt")
    return train("autoencoder", trainer, team, run.clock(), _round_trips(run, "autoencoder"))


def _round_trips(run: Run, name: str) -> Callable[[dict[str, Tensor], int], None] | None:
    """What draws originals above round trips while an autoencoder learns."""
    worlds = dict.fromkeys((SIMPLE, *run.recipe.taught))
    scenes = [held_out_scenes(64, world=world) for world in worlds]

    def picture(weights: dict[str, Tensor], step: int) -> None:
        for world, some in zip(worlds, scenes, strict=True):
            things = len(world.things)
            file = run.state / "sheets" / f"{name}-{things}-{step:06d}.png"
            ratio = show_round_trip(run.recipe.autoencoder, weights, some, file)
            log.info("%s %d held-out PSNR %.2f dB (%d things)", name, step, ratio, things)

    return picture if run.sheets else None


def _decoder(run: Run, team: Team) -> bool:
    """Train the decoder on, with the encoder frozen."""
    recipe = run.recipe
    task = AutoencoderTask(
        config=recipe.autoencoder,
        plan=recipe.decoder_plan,
        batch=recipe.autoencoder_batch,
        size=recipe.size,
        seed=5,
        wide_every=recipe.wide_every,
    )
    frozen = _load(run.frozen, "frozen autoencoder")
    stage = DecoderStage(task, frozen, torch.device(run.device))
    trainer = Trainer(stage, task.plan, run.decoder)
    return train("decoder", trainer, team, run.clock(), _round_trips(run, "decoder"))


def _best_autoencoder(run: Run) -> dict[str, Tensor]:
    """The frozen autoencoder, with the decoder that learnt on if there is one."""
    frozen = _load(run.frozen, "frozen autoencoder")
    if run.decoder.is_file():
        state = _load(run.decoder, "decoder")
        frozen.update(state["average"])
    return frozen


def _text(run: Run, team: Team) -> bool:
    """Train the text encoder on questions about captions."""
    recipe, vocabulary = run.recipe, world_vocabulary()
    task = TextTask(
        config=recipe.text,
        plan=recipe.text_plan,
        worlds=(*recipe.taught, WIDE),
        batch=recipe.text_batch,
        habits=recipe.habits,
    )
    stage = TextStage(task, vocabulary, torch.device(run.device))
    trainer = Trainer(stage, task.plan, run.state / "text.pt")
    if trainer.step >= task.plan.steps:
        return True

    ways = {"": COMPLETE_HABITS}
    if task.habits.foreign:
        ways[", Chinese and Japanese"] = replace(COMPLETE_HABITS, foreign=1)

    def picture(weights: dict[str, Tensor], step: int) -> None:
        reader = Reader(recipe.text)
        reader.load_state_dict(weights)
        for world in dict.fromkeys(task.worlds):
            for way, habits in ways.items():
                scores = reading_scores(reader, vocabulary, world, 600, habits)
                told = ", ".join(f"{row} {share:.3f}" for row, share in scores.items())
                about = f"{len(world.things)} things{way}"
                log.info("text %d held-out answers (%s): %s", step, about, told)

    return train("text", trainer, team, run.clock(120), picture if run.sheets else None)


def _latents(run: Run, team: Team) -> bool:
    """Freeze the autoencoder and encode the training scenes."""
    recipe = run.recipe
    if team.leads and not run.frozen.is_file():
        state = _load(run.state / "autoencoder.pt", "autoencoder")
        weights: dict[str, Tensor] = state["average"]  # type: ignore[assignment]
        freeze(recipe.autoencoder, weights, run.latents, run.frozen)
    team.wait()
    store = LatentStore(run.state, run.latents, recipe.autoencoder)
    return store.fill(run.frozen, team, run.clock(), torch.device(run.device))


def _studio(run: Run, painter_weights: dict[str, Tensor]) -> Studio:
    painter = Painter(run.recipe.unet, run.recipe.text)
    painter.load_state_dict(to_ship(painter_weights))
    autoencoder = Autoencoder(run.recipe.autoencoder)
    autoencoder.load_state_dict(_best_autoencoder(run))
    side = run.recipe.size // run.recipe.autoencoder.downsample
    return studio_in_training(painter.eval(), autoencoder.eval(), world_vocabulary(), side)


def _unet(run: Run, team: Team) -> bool:
    """Train the U-Net, with sample sheets and exports on the way."""
    recipe, vocabulary = run.recipe, world_vocabulary()
    store = LatentStore(run.state, run.latents, recipe.autoencoder)
    if not store.complete():
        raise WebUIError("The latents are not complete.", "Run the latents stage first.")
    task = PainterTask(
        unet=recipe.unet,
        text=recipe.text,
        plan=recipe.unet_plan,
        batch=recipe.unet_batch,
        mixed_share=recipe.mixed_share,
        answers_weight=recipe.answers_weight,
        habits=recipe.habits,
    )
    if team.leads:
        fit_answers(run.state / "unet.pt", run.state / "text.pt", asked=task.answers_weight > 0)
    team.wait()
    stage = PainterStage(task, run.latents, store.rows(), vocabulary, torch.device(run.device))
    file = run.state / "unet.pt"
    if not file.is_file():
        _begin_with_text(run, stage.network, vocabulary)
    trainer = Trainer(stage, task.plan, file)
    exported = time.time()

    def picture(weights: dict[str, Tensor], step: int) -> None:
        nonlocal exported
        if run.sheets:
            seeds = range(len(SHEET_PROMPTS))
            pixels = _studio(run, weights).draw(SHEET_PROMPTS, seeds, cfg_scale=4.0)
            save_sheet(to_pictures(pixels), 8, run.state / "sheets" / f"unet-{step:06d}.png")
            write_chart(run.state, run.state / "sheets" / "losses.svg")
        if time.time() - exported > run.export_every:
            _write(run, weights, step)
            exported = time.time()

    return train("unet", trainer, team, run.clock(run.export_every / 3), picture)


def _begin_with_text(run: Run, painter: Painter, vocabulary: Vocabulary) -> None:
    """Copy the taught text encoder into a fresh painter."""
    state = _load(run.state / "text.pt", "text encoder")
    average: dict[str, Tensor] = state["average"]  # type: ignore[assignment]
    kept = {n.removeprefix("text."): t for n, t in average.items() if n.startswith("text.")}
    painter.text.load_state_dict(kept)
    if painter.answers is not None:
        learnt = {n.removeprefix("answers."): t for n, t in average.items() if "answers." in n}
        painter.answers.load_state_dict(learnt)


def _write(run: Run, weights: dict[str, Tensor], step: int) -> None:
    autoencoder = _best_autoencoder(run)
    facts: dict[str, object] = {
        "worlds": list(run.recipe.worlds),
        "steps": step,
        "preview_factors": preview_factors(run.recipe.autoencoder, autoencoder, run.latents),
    }
    export(run.out, run.recipe, to_ship(weights), autoencoder, world_vocabulary(), facts)
    log.info("exported %s (step %d, %.1f MB)", run.out, step, run.out.stat().st_size / 1e6)


def _export(run: Run, team: Team) -> bool:
    """Write the shipped file from the averaged weights."""
    if team.leads:
        state = _load(run.state / "unet.pt", "U-Net")
        weights: dict[str, Tensor] = {**state["network"], **state["average"]}  # type: ignore[dict-item]
        _write(run, weights, int(state["step"]))
    team.wait()
    return True


_WORK = {
    "autoencoder": _autoencoder,
    "text": _text,
    "latents": _latents,
    "unet": _unet,
    "decoder": _decoder,
    "export": _export,
}


def _work(run: Run, team: Team) -> None:
    if team.leads:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in run.stages:
        finished = _WORK[name](run, team)
        if team.leads and run.sheets:
            write_chart(run.state, run.state / "sheets" / "losses.svg")
        if not finished:
            if team.leads:
                log.info("%s: stopped before its end; the next run goes on here", name)
            return


def train_embedded(run: Run) -> None:
    """Carry out the stages of `run` in their order, as far as time allows."""
    for name in run.stages:
        if name not in STAGES:
            raise NotFound("stage", name, STAGES)
    for name in run.recipe.worlds:
        if name not in WORLDS:
            raise NotFound("world", name, WORLDS)
    if run.device != "cpu" and run.processes != 1:
        raise InvalidRequest("Several processes are for the CPU only.", "Use one process.")
    run.state.mkdir(parents=True, exist_ok=True)
    grow_states(run.state, world_vocabulary())
    if run.tower:
        files = run.state / "text.pt", run.state / "unet.pt"
        carry_tower(*(files if run.tower == "to-unet" else files[::-1]))
    run_team(run.processes, partial(_work, run))
