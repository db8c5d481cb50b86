"""Stage four: the U-Net learns to take noise out of latents, told by the caption what is there.

Noise prediction (Ho et al. 2020) on the schedule of Stable Diffusion 1, weighted by min-SNR with
gamma 5 (Hang et al. 2023) and a floor, timesteps stratified over the batch. One caption in ten is
empty, which is what classifier-free guidance needs (Ho & Salimans 2022). The text encoder goes on
learning, slowly.

One thing alone is learnt early, two different things and who stands left of whom much later; so a
share of every batch is kept for scenes of the latter kind.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.unet import UNet, UNetConfig
from modules.training.facts import SIZES, SKIP, answers_of
from modules.training.latents import LatentsTask
from modules.training.loop import Plan, Report
from modules.training.team import Team
from modules.training.text_stage import JUNK_SHARE, answer_loss, ends_and_later
from modules.training.vocabulary import Vocabulary
from modules.training.world.captions import TRAINING_HABITS, Habits, write_caption

TIMESTEPS = 1000
EMPTY_SHARE = 0.1
SNR_LIMIT = 5.0
SNR_FLOOR = 0.25
"""Below this ratio errors count for more, until the picture's own error counts as if it were this.
Who stands left of whom is decided in the first, noisiest steps, where a wrong picture hardly shows
in the noise: without the floor it is not learnt."""


def alphas_cumprod() -> Tensor:
    """The signal's share of variance after each of 1000 steps, (1000,) float32 (SD 1's betas)."""
    roots = torch.linspace(0.00085**0.5, 0.012**0.5, TIMESTEPS, dtype=torch.float64)
    return (1 - roots**2).cumprod(0).float()


def noise_and_times(seed: int, step: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Noise of this shape and timesteps (B,) for the whole of batch number `step`."""
    generator = torch.Generator().manual_seed(seed * 2**32 + step)
    noise = torch.randn(shape, generator=generator)
    places = torch.randperm(shape[0], generator=generator)
    times = (places + torch.rand(shape[0], generator=generator)) / shape[0] * TIMESTEPS
    return noise, times.long().clamp(max=TIMESTEPS - 1)


def snr_weights(alpha: Tensor) -> Tensor:
    """What errors at these signal shares (B, 1, 1, 1) count: min-SNR, gamma 5, with a floor; (B,).

    With weight w an error of the noise is one of the picture with weight w * ratio, here the ratio
    kept within limits: above as in Hang et al. (2023), below like the truncated weight of Salimans
    and Ho (2022, section 4).
    """
    ratio = (alpha / (1 - alpha)).flatten()
    return ratio.clamp(SNR_FLOOR, SNR_LIMIT) / ratio


@dataclass(frozen=True, kw_only=True)
class PainterTask:
    """What the stage needs to know."""

    unet: UNetConfig
    text: ClipTextConfig
    plan: Plan
    batch: int = 32
    mixed_share: float = 0.5
    """Share of a batch that shows different things together."""
    answers_weight: float = 0.0
    """How much it counts that the text encoder still answers what a caption says; 0: not asked."""
    seed: int = 4
    habits: Habits = TRAINING_HABITS


class Painter(nn.Module):
    """U-Net and text encoder: what is trained together and shipped together.

    With `asked` there is also a linear layer that answers the text stage's questions; it serves
    training only.
    """

    def __init__(self, unet: UNetConfig, text: ClipTextConfig, *, asked: bool = False) -> None:
        super().__init__()
        self.unet = UNet(unet)
        self.text = ClipText(text)
        self.answers = nn.Linear(text.width, sum(SIZES)) if asked else None

    def read(self, rows: Tensor) -> Tensor:
        """Token rows (B, 77) to the context (B, 77, width)."""
        return self.text.final_layer_norm(self.text(self.text.embed_tokens(rows))[-1])

    def forward(self, x: Tensor, timesteps: Tensor, rows: Tensor) -> Tensor:
        """The noise in latents (B, 4, h, w) at the timesteps (B,), told by token rows (B, 77)."""
        return self.unet(x, timesteps, self.read(rows))


def to_ship(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A painter's weights without the layer that serves training only."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith("answers.")}


class PainterStage:
    """The loss of the painter."""

    def __init__(
        self,
        task: PainterTask,
        latents_task: LatentsTask,
        latents: NDArray[np.float16],
        vocabulary: Vocabulary,
        device: torch.device,
    ) -> None:
        torch.manual_seed(task.seed)
        self.task, self.latents_task, self.latents = task, latents_task, latents
        self.vocabulary, self.device = vocabulary, device
        self.network = Painter(task.unet, task.text, asked=task.answers_weight > 0)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.alphas = alphas_cumprod()
        flags = np.array([latents_task.scene(n).mixed for n in range(len(latents))])
        self.mixed, self.others = np.flatnonzero(flags), np.flatnonzero(~flags)

    def place(self, number: int) -> int:
        """The latent of visit number `number`: the batch begins with the mixed scenes."""
        step, row = divmod(number, self.task.batch)
        first = round(self.task.mixed_share * self.task.batch)
        if row < first and len(self.mixed):
            return int(self.mixed[(step * first + row) % len(self.mixed)])
        rest = self.others if len(self.others) else self.mixed
        return int(rest[(step * (self.task.batch - first) + row - first) % len(rest)])

    def caption(self, number: int) -> tuple[list[int], list[int]]:
        """Token rows of visit number `number` to its scene, and the answers they tell.

        There is a new caption at each visit; an empty one tells nothing.
        """
        rng = Random(f"paint/{self.task.seed}/{number}")
        if rng.random() < EMPTY_SHARE:
            return self.vocabulary.rows(""), [SKIP] * len(SIZES)
        scene = self.latents_task.scene(self.place(number))
        caption = write_caption(scene, rng, self.task.habits)
        junk = rng if rng.random() < JUNK_SHARE else None
        return self.vocabulary.rows(caption.text, junk), answers_of(scene, caption)

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: each process learns its share of it."""
        batch, share = self.task.batch, team.share(self.task.batch)
        numbers = [step * batch + row for row in share]
        picked = np.stack([self.latents[self.place(n)] for n in numbers])
        clean = torch.from_numpy(picked).float()
        noise, times = noise_and_times(self.task.seed, step, (batch, *clean.shape[1:]))
        part = slice(share.start, share.stop)
        noise, times = noise[part], times[part]
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        told = [self.caption(number) for number in numbers]
        rows = torch.tensor([words for words, _ in told]).to(self.device)
        noisy = noisy.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            context = self.network.read(rows)
            guess = self.network.unet(noisy, times.to(self.device).float(), context).float()
            forgot = self._forgot(context, rows, [answers for _, answers in told], step)
        errors = (guess - noise.to(self.device)).square().flatten(1).mean(1)
        loss = (errors * snr_weights(alpha).to(self.device)).mean()
        report = {"loss": loss.item(), "plain": errors.mean().item()}
        if forgot is None:
            return loss, report
        report["answers"] = forgot.item()
        return loss + self.task.answers_weight * forgot, report

    def _forgot(
        self, context: Tensor, rows: Tensor, told: list[list[int]], step: int
    ) -> Tensor | None:
        """How wrongly the captions' questions are answered from their context; None: not asked."""
        if self.network.answers is None:
            return None
        share = Random(f"answers/{self.task.seed}/{step}").random()
        logits = self.network.answers(ends_and_later(context, rows, share))
        return answer_loss(logits, torch.tensor(told, device=self.device).repeat(2, 1))
