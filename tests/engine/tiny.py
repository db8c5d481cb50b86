"""A folder with small checkpoints that the engine can draw with."""

from pathlib import Path

from modules.paths import Paths
from modules.schema.event import ImageReady
from modules.schema.request import Batch, GenerationRequest, Models, Sampling, Seeds, Size

TINY = Path(__file__).resolve().parents[1] / "golden" / "parity" / "data" / "Stable-diffusion"
TINY = TINY / "tiny.safetensors"


def folder_with(data: Path, *names: str) -> Paths:
    """The tiny checkpoint under several names."""
    paths = Paths(data=data)
    paths.checkpoints.mkdir(parents=True)
    for name in names:
        for suffix in (".safetensors", ".yaml"):
            (paths.checkpoints / f"{name}{suffix}").symlink_to(TINY.with_suffix(suffix))
    return paths


def request(checkpoint="tiny", *, steps=1, side=64, images=1, vae="Automatic"):
    """A small picture of a cat."""
    return GenerationRequest(
        prompt="a cat",
        seeds=Seeds(seed=1, subseed=1),
        size=Size(width=side, height=side),
        batch=Batch(n_iter=images),
        sampling=Sampling(sampler="Euler", steps=steps),
        models=Models(checkpoint=checkpoint, vae=vae),
    )


def pictures(events):
    """The pixels of every picture, in order."""
    return [event.image.image.data for event in events if isinstance(event, ImageReady)]
