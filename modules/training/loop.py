"""The resumable training loop that all stages share.

A stage is a function from a step number to a loss: whatever it draws by chance it draws from
generators seeded by the step. So a run that was killed continues exactly as it would have gone on:
the saved state is the weights, their average, the optimiser and the number of steps made.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from modules.training.history import History
from modules.training.team import Team

log = logging.getLogger(__name__)

Report = dict[str, float]


class Stage(Protocol):
    """Something that can be trained step by step."""

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        ...

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """The loss of this process's part of batch number `step`, and figures worth printing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a stage trains and how fast it learns."""

    steps: int
    rate: float
    slow: tuple[str, ...] = ()
    """Parameters whose name begins with one of these learn `slow_factor` times as fast."""
    slow_factor: float = 1.0
    warm_up: int = 50
    flat_until: float = 0.5
    """Share of the steps after which the rate falls along a cosine, down to 2 percent."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.0
    average: float = 0.998
    clip: float = 1.0

    def rate_at(self, step: int) -> float:
        """The learning rate of step number `step`."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        start = self.flat_until * self.steps
        if step <= start:
            return self.rate
        done = min(1.0, (step - start) / max(1.0, self.steps - start))
        return self.rate * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)


@dataclass
class Clock:
    """When to stop, to save and to speak."""

    deadline: float = math.inf
    """Stop at this time (seconds since the epoch)."""
    save_every: float = 120.0
    print_every: int = 50
    picture_every: float = 600.0
    sums: Report = field(default_factory=dict)
    counted: int = 0

    def add(self, report: Report) -> None:
        """Take one step's figures into the mean that is printed next."""
        for key, value in report.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.counted += 1

    def over(self) -> bool:
        """Whether time is up."""
        return time.time() > self.deadline

    def means(self) -> Report:
        """The means since the last call."""
        means = {key: value / self.counted for key, value in self.sums.items()}
        self.sums, self.counted = {}, 0
        return means


class Trainer:
    """A network, its running average and its optimiser, kept in one file."""

    def __init__(self, stage: Stage, plan: Plan, file: Path, *, fused: bool = True) -> None:
        self.stage, self.plan, self.file = stage, plan, file
        named = [(n, p) for n, p in stage.network.named_parameters() if p.requires_grad]
        slow = [p for name, p in named if name.startswith(plan.slow)] if plan.slow else []
        slow_ids = {id(p) for p in slow}
        fast = [p for _, p in named if id(p) not in slow_ids]
        self.parameters = [*fast, *slow]
        groups = [{"params": fast, "factor": 1.0}]
        if slow:
            groups.append({"params": slow, "factor": plan.slow_factor})
        self.optimiser = torch.optim.AdamW(
            groups, lr=plan.rate, betas=plan.betas, weight_decay=plan.weight_decay, fused=fused
        )
        self.average = [p.detach().clone() for p in self.parameters]
        self.names = {id(p): name for name, p in named}
        self.step = 0
        if file.is_file():
            self._load()

    def _load(self) -> None:
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        self.stage.network.load_state_dict(state["network"])
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            for parameter, mean in zip(self.parameters, self.average, strict=True):
                mean.copy_(state["average"][self.names[id(parameter)]])
        self.step = state["step"]

    def save(self) -> None:
        """Write everything to the file; the old file stays whole until the new one is."""
        names = (self.names[id(p)] for p in self.parameters)
        state = {
            "network": self.stage.network.state_dict(),
            "average": dict(zip(names, self.average, strict=True)),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        part = self.file.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.file)

    def make_step(self, team: Team) -> Report:
        """One step of the optimiser; returns the stage's figures."""
        rate = self.plan.rate_at(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.zero_grad(set_to_none=False)
        loss, report = self.stage.loss(self.step, team)
        loss.backward()
        team.mean_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.plan.clip)
        self.optimiser.step()
        self.step += 1
        weight = 1 - min(self.plan.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list[Tensor](self.parameters), weight)
        return report

    def averaged(self) -> dict[str, Tensor]:
        """The averaged weights under the network's names (these are the ones to keep)."""
        weights = dict(self.stage.network.state_dict())
        for parameter, mean in zip(self.parameters, self.average, strict=True):
            weights[self.names[id(parameter)]] = mean
        return {name: tensor.detach().clone() for name, tensor in weights.items()}


def train(
    name: str,
    trainer: Trainer,
    team: Team,
    clock: Clock,
    picture: Callable[[dict[str, Tensor], int], None] | None = None,
) -> bool:
    """Train until the plan is fulfilled or time is up; True if the plan is fulfilled.

    `picture` is called in the leading process with the averaged weights every now and then; what is
    printed is also kept in the history beside the state.
    """
    started, first = time.time(), trainer.step
    history = History.beside(trainer.file)
    if team.leads:
        history.forget_after(first)
    saved = pictured = started
    while trainer.step < trainer.plan.steps:
        clock.add(trainer.make_step(team))
        if trainer.step % 10 == 0 and team.agree(clock.over()):
            break
        if not team.leads:
            continue
        if trainer.step % clock.print_every == 0:
            pace = (trainer.step - first) / (time.time() - started)
            means = clock.means()
            history.add(trainer.step, means)
            told = " ".join(f"{key} {value:.4f}" for key, value in means.items())
            log.info("%s %d %s pace %.2f/s", name, trainer.step, told, pace)
        if time.time() - saved > clock.save_every:
            trainer.save()
            saved = time.time()
        if picture is not None and time.time() - pictured > clock.picture_every:
            picture(trainer.averaged(), trainer.step)
            pictured = time.time()
    if team.leads and trainer.step > first:
        trainer.save()
        if picture is not None:
            picture(trainer.averaged(), trainer.step)
    team.wait()
    return trainer.step >= trainer.plan.steps
