"""Pictures from a painter in training: deterministic DDIM with classifier-free guidance.

The program draws through its pipeline; this small loop (Song et al. 2021, equation 12 with eta 0)
exists so that training can look at itself and be measured with nothing else in the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.model.networks.autoencoder import Autoencoder
from modules.training.latents import SCALE
from modules.training.painter_stage import TIMESTEPS, Painter, alphas_cumprod
from modules.training.vocabulary import Vocabulary


@dataclass(frozen=True)
class Studio:
    """Everything it takes to draw: painter, autoencoder and vocabulary, all on one device."""

    painter: Painter
    autoencoder: Autoencoder
    vocabulary: Vocabulary
    side: int = 16

    @torch.inference_mode()
    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        negative: str = "",
        cfg_scale: float = 4.0,
        steps: int = 20,
    ) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], one for each prompt and seed."""
        device = next(self.painter.parameters()).device
        told = self._context(list(prompts), device)
        untold = self._context([negative], device).expand(len(prompts), -1, -1)
        x = torch.stack([self._first_noise(seed) for seed in seeds]).to(device)
        alphas = alphas_cumprod().to(device)
        times = torch.linspace(TIMESTEPS - 1, 0, steps + 1).round().long()[:-1].tolist()
        with torch.autocast(device.type, torch.bfloat16):
            for index, time in enumerate(times):
                noise = self._noise(x, time, told, untold, cfg_scale)
                here = alphas[time]
                there = alphas[times[index + 1]] if index + 1 < steps else torch.ones_like(here)
                clean = (x - (1 - here).sqrt() * noise) / here.sqrt()
                x = there.sqrt() * clean + (1 - there).sqrt() * noise
            parts = [self.autoencoder.decode(part / SCALE).float() for part in x.split(8)]
        return torch.cat(parts).clamp(-1, 1)

    def _context(self, prompts: list[str], device: torch.device) -> Tensor:
        rows = torch.tensor([self.vocabulary.rows(prompt) for prompt in prompts], device=device)
        return self.painter.read(rows)

    def _first_noise(self, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn((4, self.side, self.side), generator=generator)

    def _noise(
        self, x: Tensor, time: int, told: Tensor, untold: Tensor, cfg_scale: float
    ) -> Tensor:
        times = torch.full((len(x),), float(time), device=x.device)
        if cfg_scale == 1:
            return self.painter.unet(x, times, told).float()
        both = self.painter.unet(
            torch.cat([x, x]), torch.cat([times, times]), torch.cat([told, untold])
        ).float()
        with_prompt, without = both.chunk(2)
        return without + cfg_scale * (with_prompt - without)
