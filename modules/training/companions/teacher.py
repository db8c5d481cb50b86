"""A finished checkpoint that a companion learns beside: nothing in it changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from PIL import Image
from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import load_model
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText
from modules.model.networks.unet import UNet
from modules.prompt.tokenizer import ClipTokenizer
from modules.training.autoencoder_stage import SCALE
from modules.training.painter_stage import EMPTY_SHARE, noise_and_times, snr_weights
from modules.training.pictures import to_tensor
from modules.training.vocabulary import LENGTH

ENCODED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The networks of a checkpoint, frozen, in float32 on the CPU."""

    unet: UNet
    text: ClipText
    autoencoder: Autoencoder
    size: int
    """Side in pixels of the pictures it draws."""
    alphas: Tensor
    """(1000,) float32."""

    @torch.inference_mode()
    def encode(self, pictures: Sequence[Image.Image]) -> Tensor:
        """RGB pictures of the native size to scaled latents (B, 4, h, w)."""
        parts = []
        for start in range(0, len(pictures), ENCODED_AT_ONCE):
            pixels = to_tensor(list(pictures[start : start + ENCODED_AT_ONCE]))
            parts.append(self.autoencoder.encode_moments(pixels).chunk(2, dim=1)[0] * SCALE)
        return torch.cat(parts).clone()

    def vectors(self, rows: Tensor) -> Tensor:
        """Token ids (B, 77) to token vectors (B, 77, width)."""
        return self.text.embed_tokens(rows)

    def read(self, vectors: Tensor) -> Tensor:
        """Token vectors (B, 77, width) to the context (B, 77, width)."""
        return self.text.final_layer_norm(self.text(vectors)[-1])


def load_teacher(path: Path) -> Teacher:
    """The checkpoint at `path`. Raises ModelError for one that is not like Stable Diffusion 1."""
    model = load_model(path)
    text, unet = model.text_encoder, model.unet
    if not isinstance(unet, UNet) or not isinstance(text, ClipText):
        raise ModelError(f"{model.name} is of a family that cannot be taught here.")
    for network in (unet, text, model.autoencoder):
        network.float().requires_grad_(False)
    return Teacher(
        unet=unet,
        text=text,
        autoencoder=model.autoencoder,
        size=model.native_size[0],
        alphas=model.alphas_cumprod,
    )


def token_rows(texts: Sequence[str]) -> Tensor:
    """Prompts to CLIP's token ids, (B, 77) with start and ends."""
    tokenizer = ClipTokenizer.load()
    rows = []
    for text in texts:
        words = tokenizer.encode(text)[: LENGTH - 2]
        ends = [tokenizer.end] * (LENGTH - 1 - len(words))
        rows.append([tokenizer.start, *words, *ends])
    return torch.tensor(rows)


def told(caption: str, seed: str) -> str:
    """The caption, or now and then nothing, as classifier-free guidance needs."""
    return "" if Random(seed).random() < EMPTY_SHARE else caption


@dataclass(frozen=True)
class Lesson:
    """Noisy latents of one step and what there is to say about them."""

    noisy: Tensor
    """(B, 4, h, w)."""
    noise: Tensor
    times: Tensor
    """(B,) int64."""
    weights: Tensor
    """(B,) of the errors: min-SNR."""

    def part(self, rows: slice) -> "Lesson":
        """Some rows of it: what one of several processes learns."""
        return Lesson(self.noisy[rows], self.noise[rows], self.times[rows], self.weights[rows])

    def loss(self, guess: Tensor) -> Tensor:
        """The weighted mean squared error of guessed noise (B, 4, h, w)."""
        errors = (guess.float() - self.noise).square().flatten(1).mean(1)
        return (errors * self.weights).mean()


def lesson(teacher: Teacher, clean: Tensor, seed: int, step: int) -> Lesson:
    """Noise for latents (B, 4, h, w) in step number `step`."""
    noise, times = noise_and_times(seed, step, tuple(clean.shape))
    alpha = teacher.alphas[times].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    return Lesson(noisy, noise, times, snr_weights(alpha))
