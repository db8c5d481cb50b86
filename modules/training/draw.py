"""Pictures from a model in training: deterministic DDIM with classifier-free guidance.

The program draws through its pipeline; this small loop (Song et al. 2021, equation 12 with eta 0)
exists so that training can look at itself and be measured with nothing else in the way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import Model
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.unet import UNet
from modules.prompt.tokenizer import ClipTokenizer
from modules.training.autoencoder_stage import SCALE
from modules.training.painter_stage import TIMESTEPS, Painter, alphas_cumprod
from modules.training.vocabulary import LENGTH, Vocabulary


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Pictures to draw over: pixels (B, 3, H, W) in [-1, 1].

    `strength` (0-1) says how much noise they get; where `mask` (H, W) is 0 they stay.
    """

    pixels: Tensor
    strength: float
    mask: Tensor | None = None


def _noisy(clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """Latents with noise, at a signal share alpha of variance."""
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


@dataclass(frozen=True, kw_only=True)
class Studio:
    """Everything it takes to draw, all on one device.

    `read` turns prompts into a context (B, 77, width); `side` is the latents' side in cells.
    """

    unet: UNet
    autoencoder: Autoencoder
    read: Callable[[list[str]], Tensor]
    side: int = 16

    @property
    def size(self) -> int:
        """The side of its pictures in pixels."""
        return self.side * self.autoencoder.config.downsample

    @torch.inference_mode()
    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        negatives: Sequence[str] | None = None,
        cfg_scale: float = 4.0,
        steps: int = 20,
        begin: Beginning | None = None,
    ) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], one for each prompt, seed and negative prompt.

        With `begin` other pictures are drawn over instead of noise.
        """
        device = next(self.unet.parameters()).device
        told = self.read(list(prompts))
        untold = self.read(list(negatives or [""])).expand(len(prompts), -1, -1)
        x = torch.stack([self._first_noise(seed) for seed in seeds]).to(device)
        alphas = alphas_cumprod().to(device)
        times = torch.linspace(TIMESTEPS - 1, 0, steps + 1).round().long()[:-1].tolist()
        first, clean_start, noise_start = 0, x, x
        with torch.autocast(device.type, torch.bfloat16):
            if begin is not None:
                first = min(steps - 1, round(steps * (1 - begin.strength)))
                clean_start = self._encode(begin.pixels.to(device))
                x = _noisy(clean_start, noise_start, alphas[times[first]])
            for index, time in enumerate(times[first:], start=first):
                noise = self._noise(x, time, told, untold, cfg_scale)
                here = alphas[time]
                there = alphas[times[index + 1]] if index + 1 < steps else torch.ones_like(here)
                clean = (x - (1 - here).sqrt() * noise) / here.sqrt()
                x = there.sqrt() * clean + (1 - there).sqrt() * noise
                if begin is not None and begin.mask is not None:
                    inside = F.interpolate(begin.mask[None, None], size=x.shape[-2:], mode="area")
                    x = torch.lerp(_noisy(clean_start, noise_start, there), x, inside.to(device))
            parts = [self.autoencoder.decode(part / SCALE).float() for part in x.split(8)]
        drawn = torch.cat(parts).clamp(-1, 1)
        if begin is not None and begin.mask is not None:
            drawn = torch.lerp(begin.pixels.to(device), drawn, begin.mask.to(device))
        return drawn

    def _encode(self, pixels: Tensor) -> Tensor:
        moments = [self.autoencoder.encode_moments(part).float() for part in pixels.split(8)]
        return torch.cat(moments).chunk(2, dim=1)[0] * SCALE

    def _first_noise(self, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn((4, self.side, self.side), generator=generator)

    def _noise(
        self, x: Tensor, time: int, told: Tensor, untold: Tensor, cfg_scale: float
    ) -> Tensor:
        times = torch.full((len(x),), float(time), device=x.device)
        if cfg_scale == 1:
            return self.unet(x, times, told).float()
        both = self.unet(
            torch.cat([x, x]), torch.cat([times, times]), torch.cat([told, untold])
        ).float()
        with_prompt, without = both.chunk(2)
        return without + cfg_scale * (with_prompt - without)


def studio_in_training(
    painter: Painter, autoencoder: Autoencoder, vocabulary: Vocabulary, side: int
) -> Studio:
    """A studio for networks in training, with their small vocabulary."""
    device = next(painter.parameters()).device

    def read(prompts: list[str]) -> Tensor:
        rows = torch.tensor([vocabulary.rows(prompt) for prompt in prompts], device=device)
        return painter.read(rows)

    return Studio(unet=painter.unet, autoencoder=autoencoder, read=read, side=side)


def studio_of(model: Model) -> Studio:
    """A studio for a loaded checkpoint, with CLIP's whole vocabulary.

    Raises ModelError for models that are not built like Stable Diffusion 1.
    """
    tokenizer, text, unet = ClipTokenizer.load(), model.text_encoder, model.unet
    if not isinstance(unet, UNet):
        raise ModelError(f"{model.name} is of a family that cannot be measured or taught here.")

    def read(prompts: list[str]) -> Tensor:
        rows = []
        for prompt in prompts:
            words = tokenizer.encode(prompt)[: LENGTH - 2]
            end = [tokenizer.end] * (LENGTH - 1 - len(words))
            rows.append([tokenizer.start, *words, *end])
        ids = torch.tensor(rows, device=model.device)
        return text.final_layer_norm(text(text.embed_tokens(ids))[-1])

    side = model.native_size[0] // model.downsample
    return Studio(unet=unet, autoencoder=model.autoencoder, read=read, side=side)
