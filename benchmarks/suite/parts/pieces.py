"""The pieces of a picture beside its steps: words, picture to latent, latent to picture."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.suite.checkpoints import write_checkpoint
from benchmarks.suite.children import seconds_of
from benchmarks.suite.figure import Figure
from benchmarks.suite.wish import Wish
from modules.model.device import pick_device
from modules.model.memory import MemoryPlan
from modules.paths import Paths
from modules.pipeline.decode import decode
from modules.pipeline.preview import as_preview
from modules.pipeline.ready import Ready, make_ready

WORDS = "a red mushroom on the grass in daylight, number {}"


def embedded_pieces(wish: Wish) -> Iterator[Figure]:
    """Of the model that comes with the program, at its own size."""
    yield from pieces("pieces, embedded model", wish.embedded(), (128,), wish)


def sd15_pieces(wish: Wish) -> Iterator[Figure]:
    """Of Stable Diffusion 1.5's shape with numbers at random."""
    checkpoint = write_checkpoint("sd15", wish.models / "random-sd15.safetensors")
    sides = (256,) if wish.quick else (256, 512)
    yield from pieces("pieces, SD1.5 shape", checkpoint, sides, wish)


def pieces(part: str, checkpoint: Path, sides: tuple[int, ...], wish: Wish) -> Iterator[Figure]:
    """Every piece of one model."""
    ready, kind = model_of(checkpoint, wish.device), wish.device
    model, rounds = ready.model, wish.rounds(6)
    numbers = iter(range(1000))

    def words() -> object:
        texts = [WORDS.format(next(numbers))], [WORDS.format(next(numbers))]
        return ready.conditioner.conditions(*texts, steps=20)

    how = f"two new texts, {model.text_encoder.dtype}".replace("torch.", "")
    yield Figure.of(part, "the words", times(words, rounds, kind), "ms", how)
    for side in sides:
        cells = side // model.downsample
        latent = torch.randn(model.latent_channels, cells, cells, device=model.device)
        picture, noise = torch.rand(1, 3, side, side) * 2 - 1, torch.zeros_like(latent)[None].cpu()
        how = f"{side} x {side}, {model.autoencoder.dtype}".replace("torch.", "")
        for name, work in (
            ("picture to latent", lambda p=picture, n=noise: model.encode_image(p, n)),
            ("latent to picture", lambda z=latent: decode(model, z)),
            ("a preview", lambda z=latent: as_preview(model, z[None])),
        ):
            yield Figure.of(part, f"{name}, {side}", times(work, rounds, kind), "ms", how)


def model_of(checkpoint: Path, device: str) -> Ready:
    """A checkpoint as the program draws with it."""
    found = pick_device(device)
    plan = MemoryPlan(found.device, found.dtype, large_dtype=found.large_dtype)
    paths = Paths(data=checkpoint.parent.parent / "data")
    return make_ready(checkpoint, plan, find_sha256=str, paths=paths)


def times(work: Callable[[], object], rounds: int, device: str) -> list[float]:
    """Milliseconds of each round but the first."""
    with torch.no_grad():
        return [1000 * seconds_of(work, device) for _ in range(rounds + 1)][1:]


def random_lora(model: torch.nn.Module, rank: int = 16) -> dict[str, Tensor]:
    """A LoRA for every linear layer of a U-Net's attentions, by the names trainers give."""
    tensors: dict[str, Tensor] = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, torch.nn.Linear) or "transformer_blocks" not in name:
            continue
        key = "lora_unet_" + name.replace(".", "_")
        tensors[f"{key}.lora_down.weight"] = torch.randn(rank, layer.in_features).half() * 0.01
        tensors[f"{key}.lora_up.weight"] = torch.randn(layer.out_features, rank).half() * 0.01
    return tensors
