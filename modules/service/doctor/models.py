"""The model files of an installation: how many, and which cannot be used."""

from collections.abc import Iterator
from pathlib import Path

from modules.engine.models import ModelList
from modules.paths import Paths
from modules.service.doctor.finding import BAD, DOUBTFUL, GOOD, Finding

GIGABYTE = 1024**3


def look_at_models(paths: Paths) -> Iterator[Finding]:
    """List checkpoints and networks by reading their headers."""
    found = ModelList(paths)()
    usable = [one for one in found.checkpoints if not one.note]
    size = sum(one.size for one in found.checkpoints) / GIGABYTE
    seen = f"{len(usable)} ({size:.1f} GB)"
    if usable:
        yield Finding("Checkpoints", GOOD, seen)
    else:
        advice = f"Put a .safetensors file into {paths.checkpoints}."
        yield Finding("Checkpoints", BAD, "none that can be used", advice)
    for one in found.checkpoints:
        if one.note:
            advice = "Get the file again, or take it out of the folder."
            yield Finding(f"Checkpoint {Path(one.name).name}", DOUBTFUL, one.note, advice)
    others = {
        "LoRA": found.loras,
        "embeddings": found.embeddings,
        "VAE": found.vaes,
    }
    listed = ", ".join(f"{len(names)} {kind}" for kind, names in others.items())
    yield Finding("Networks", GOOD, listed)
