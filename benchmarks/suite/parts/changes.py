"""Another model, another network: what changing costs."""

from collections.abc import Iterator

from safetensors.torch import save_file

from benchmarks.load import measure
from benchmarks.networks import Wish as NetworkWish
from benchmarks.suite.checkpoints import write_checkpoint
from benchmarks.suite.children import seconds_of
from benchmarks.suite.figure import Figure
from benchmarks.suite.parts.pieces import model_of, random_lora
from benchmarks.suite.wish import Wish
from benchmarks.switching import times_of

PART = "changes"
RANK = 16


def switching(wish: Wish) -> Iterator[Figure]:
    """Loading a checkpoint of Stable Diffusion 1.5's size, and going back to one in memory."""
    file = write_checkpoint("sd15", wish.models / "random-sd15.safetensors")
    ways = ["at home", "bfloat16"]
    for row in measure(file, ways, wish.rounds(3)):
        seconds, cat = float(str(row["seconds"])), float(str(row["cat"]))
        how = f"2.13 GB in the cache; {seconds / cat:.1f} times reading the file"
        yield Figure.of(PART, f"loading SD1.5, {row['way']}", seconds, "s", how)
    file.unlink()
    folder = wish.folder / "switching"
    folder.mkdir()
    first, backs = times_of(folder)
    yield Figure.of(PART, "another checkpoint, from its file", first, "s", "with the first use")
    how = "both stay in memory"
    yield Figure.of(PART, "back to a checkpoint", [1000 * one for one in backs], "ms", how)


def networks(wish: Wish) -> Iterator[Figure]:
    """A LoRA into the weights and out of them."""
    model = write_checkpoint("sd15", wish.models / "random-sd15.safetensors")
    ready = model_of(model, wish.device)
    folder = ready.patcher.folder.folder
    folder.mkdir(parents=True)
    tensors = random_lora(ready.model.unet, RANK)
    save_file(tensors, folder / "random.safetensors")
    into, out = [], []
    for number in range(wish.rounds(4) + 1):
        wishes = [NetworkWish("random", 1.0, 0.5 + number / 10)]
        into.append(seconds_of(lambda w=wishes: ready.patcher.ensure(w), wish.device))
        out.append(seconds_of(lambda: ready.patcher.ensure([]), wish.device))
    how = f"{len(tensors) // 2} layers of SD1.5, rank {RANK}, {ready.model.unet.dtype}"
    how = how.replace("torch.", "")
    yield Figure.of(PART, "a LoRA into the weights", into[1:], "s", how)
    yield Figure.of(PART, "a LoRA out of the weights", out[1:], "s", "the exact originals")
