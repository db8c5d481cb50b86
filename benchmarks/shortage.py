"""Let memory run out at every stage of a job, and see whether the next job works.

    python -m benchmarks shortage [--rounds 50] [--checkpoint PATH]

Seven stages, in every round each once: while the model is loaded, the prompt encoded, at the first
and a later call of the network, while the picture is decoded, finished, and saved. An allocation
that no machine can grant stands for the shortage. After each, an ordinary job must give the very
picture it always gives. Then, with an address space that really is too small, a large picture must
fail by name and a small one succeed.
"""

import argparse
import resource
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pydoc import locate
from unittest.mock import patch

import psutil
import torch

from modules.engine.local import LocalEngine
from modules.errors import OutOfMemory
from modules.paths import ROOT, Paths
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.settings.launch import Launch

TINY = ROOT / "tests" / "golden" / "parity" / "data" / "Stable-diffusion" / "tiny.safetensors"
UNET = "modules.model.networks.unet.UNet.forward"
STAGES = {
    "loading": ("modules.pipeline.ready.load_model", 1),
    "conditioning": ("modules.conditioning.conditioner.Conditioner.conditions", 1),
    "first step": (UNET, 1),
    "later step": (UNET, 2),
    "decoding": ("modules.model.networks.autoencoder.Autoencoder.decode", 1),
    "finishing": ("modules.pipeline.generate.finished", 1),
    "saving": ("modules.service.gallery.Gallery.keep", 1),
}
"""What is called at each stage, and at which call the memory runs out."""
MEGABYTE = 2**20


@contextmanager
def shortage(stage: str, times: int = 1) -> Iterator[Counter[str]]:
    """Within the block memory runs out `times` times at `stage`; yields how often it did."""
    place, at = STAGES[stage]
    whole = locate(place)
    assert callable(whole)
    seen = Counter[str]()

    def fail(*arguments: object, **options: object) -> object:
        seen["calls"] += 1
        if seen["failures"] < times and seen["calls"] >= at:
            seen["failures"] += 1
            torch.empty(2**52)
        return whole(*arguments, **options)

    with patch(place, fail):
        yield seen


def small_request(side: int = 64) -> GenerationRequest:
    """A picture of two steps."""
    return GenerationRequest(
        prompt="a cat",
        seeds=Seeds(seed=1, subseed=1),
        size=Size(width=side, height=side),
        sampling=Sampling(sampler="Euler", steps=2),
        models=Models(checkpoint=TINY.stem),
    )


def drawn(app: App) -> bytes:
    """The pixels of an ordinary job's picture; nothing if it failed."""
    job = app.submit(small_request(), save=True)
    for _ in app.follow(job.id):
        pass
    images = app.snapshot(job.id).images
    return Path(images[0].path).read_bytes() if images else b""


def rounds_of_shortage(
    app: App, rounds: int, stages: Collection[str] = tuple(STAGES)
) -> Counter[str]:
    """Count for every stage how often the shortage came, and the next job succeeded."""
    found = Counter[str]()
    expected = drawn(app)
    assert expected
    for number in range(rounds):
        for stage in stages:
            app.engine.unload()
            with shortage(stage) as seen:
                drawn(app)
            found[f"{stage}: ran out"] += seen["failures"]
            found[f"{stage}: next job fine"] += drawn(app) == expected
        print(f"round {number + 1} of {rounds}", end="\r", flush=True)
    return found


def really_short(engine: LocalEngine) -> bool:
    """Whether a picture that does not fit fails by name, and a small one is drawn after it."""
    before = list(engine.run(small_request(), Cancel()))
    used = psutil.Process().memory_info().vms
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 400 * MEGABYTE, limits[1]))
    try:
        list(engine.run(small_request(4096), Cancel()))
        return False
    except OutOfMemory as error:
        print(f"told: {error}")
        after = list(engine.run(small_request(), Cancel()))
        return pixels(before) == pixels(after)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def pixels(events: Sequence[object]) -> list[bytes]:
    """The pictures among events."""
    return [
        event.image.image.data
        for event in events
        if isinstance(event, ImageReady) and event.image.image is not None
    ]


def folder_with_tiny(data: Path) -> Paths:
    """A data folder with the small reference checkpoint."""
    paths = Paths(data=data)
    paths.checkpoints.mkdir(parents=True)
    for suffix in (".safetensors", ".yaml"):
        (paths.checkpoints / f"tiny{suffix}").symlink_to(TINY.with_suffix(suffix))
    return paths


def main() -> None:
    """Run the rounds and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = folder_with_tiny(Path(folder))
        engine = LocalEngine(paths, device="cpu", preview_interval_s=None)
        app = build_app(paths, Launch(data_dir=folder), engine)
        try:
            found = rounds_of_shortage(app, chosen.rounds)
        finally:
            app.close()
        print()
        for name, count in found.items():
            print(f"{name:30} {count:4} of {chosen.rounds}")
        print("really short:", "fine" if really_short(engine) else "NOT FINE")


if __name__ == "__main__":
    main()
