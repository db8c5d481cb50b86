"""A gallery of 100,000 pictures: how long indexing takes, and how fast searches answer.

    python -m benchmarks gallery [--rows 100000] [--files 1000] [--folder DIR]

Real PNG files are indexed for the time per 1,000. The rest are rows with made-up recipes, written
by the same statements, because so many files would measure nothing but the disk. Then searches of
every kind are asked for, as the page does it, one after another.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.paths import Paths
from modules.service.collection import Collection
from modules.service.database import Database, Statement
from modules.service.facts import describing, facts_of, moment_of
from modules.service.indexer import Indexer
from modules.service.job import new_id
from modules.service.picture import BLANK, inserting
from modules.service.search import Search
from modules.settings.settings import Settings

SUBJECTS = ("apple", "cat", "house", "tree", "boat", "lamp", "bottle", "flower", "bicycle", "fish")
COLOURS = ("red", "green", "blue", "yellow", "white", "black", "orange", "purple", "golden")
MANNERS = ("oil painting", "watercolour", "photograph", "sketch", "studio light", "detailed")
SAMPLERS = ("Euler a", "DPM++ 2M", "DPM++ SDE", "Heun", "UniPC")
MODELS = tuple(f"model-{number}" for number in range(12))
T = TypeVar("T")
LORAS = tuple(f"style{number}" for number in range(40))
NEWEST = 1_760_000_000.0
SECONDS_APART = 37.0
BATCH = 1000
REPEATS = 40


def recipe(dice: random.Random, number: int) -> str:
    """Return a recipe as pictures have it; about 400 characters."""
    words = f"a {dice.choice(COLOURS)} {dice.choice(SUBJECTS)} and a {dice.choice(SUBJECTS)}"
    lora = f" <lora:{dice.choice(LORAS)}:0.8>" if dice.random() < 0.3 else ""
    rare = " zeppelin" if number % 5000 == 17 else ""
    manner = ", ".join(dice.sample(MANNERS, 3))
    return (
        f"{words}{rare}, {manner}, {' '.join(dice.choices(SUBJECTS, k=12))}{lora}\n"
        "Negative prompt: blurry, low quality, watermark, text\n"
        f"Steps: 20, Sampler: {dice.choice(SAMPLERS)}, Schedule type: Automatic, CFG scale: 7, "
        f"Seed: {dice.randrange(2**32)}, Size: {dice.choice(('512x512', '512x768', '768x512'))}, "
        f"Model hash: {dice.randrange(16**10):010x}, Model: {dice.choice(MODELS)}, Version: v1.10.1"
    )


def fill(database: Database, count: int, dice: random.Random) -> float:
    """Write made-up rows; returns processor seconds per 1,000."""
    began = time.thread_time()
    for first in range(0, count, BATCH):
        statements: list[Statement] = []
        for number in range(first, min(count, first + BATCH)):
            text, created = recipe(dice, number), NEWEST - number * SECONDS_APART
            row = {
                "id": new_id(),
                "job": "",
                "position": 0,
                "kind": "image",
                "saved": True,
                "path": f"/pictures/{number:06}.png",
                "infotext": text,
                "width": 512,
                "height": 512,
                "seed": facts_of(text).seed,
                "created": created,
                "moment": moment_of(created, number),
                "rating": dice.choice((0, 0, 0, 0, 3, 4, 5)),
                "tags": dice.choice(("", "", "", "keep", "print\nkeep")),
            }
            statements += [inserting(row), *describing({**BLANK, **row})]
        database.write(*statements)
    return (time.thread_time() - began) / count * 1000


def write_files(folder: Path, count: int, dice: random.Random) -> None:
    """Write small PNG files with recipes."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.effect_noise((256, 256), 60).convert("RGB")
    for number in range(count):
        info = PngInfo()
        info.add_text("parameters", recipe(dice, number))
        picture.save(folder / f"{number:05}-{number}.png", pnginfo=info, compress_level=1)


def searches() -> dict[str, Search]:
    """One search of every kind that the page can ask for."""
    return {
        "everything": Search(),
        "a word of most prompts": Search(text="apple"),
        "two words": Search(text="red apple"),
        "a phrase": Search(text='"oil painting"'),
        "the beginning of a word": Search(text="wat*"),
        "all but a word": Search(text="-apple"),
        "a rare word": Search(text="zeppelin"),
        "nothing": Search(text="submarine"),
        "a model": Search(model="model-3"),
        "a word, a model, a sampler": Search(text="bicycle", model="model-3", sampler="Heun"),
        "a network": Search(lora="style7"),
        "a tag": Search(tag="print"),
        "four stars or more": Search(rating=4),
        "a word in a month of long ago": Search(
            text="cat", since=NEWEST - 3.0e6, until=NEWEST - 1.0e6
        ),
    }


class Times:
    """What repeated asking takes: by the clock, and of the processor."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    def ask(self, question: Callable[[], T]) -> T:
        """Ask once and note both times in milliseconds."""
        clock, processor = time.perf_counter(), time.thread_time()
        answer = question()
        self.processor.append((time.thread_time() - processor) * 1000)
        self.clock.append((time.perf_counter() - clock) * 1000)
        return answer

    def repeated(self, question: Callable[[], object]) -> "Times":
        """Ask many times."""
        for _ in range(REPEATS):
            self.ask(question)
        return self

    def __str__(self) -> str:
        middle, late = statistics.median(self.clock), percentile(self.clock, 0.95)
        return f"{middle:9.2f} {late:9.2f} {percentile(self.processor, 0.95):9.2f}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure_searches(collection: Collection) -> None:
    """Print a line for each kind of search, then for all of them."""
    everything = Times()
    print(f"{'milliseconds':34} {'found':>8} {'median':>9} {'p95':>9} {'p95 cpu':>9}")
    for name, search in searches().items():
        times = Times().repeated(partial(collection.search, search, limit=60))
        everything.clock += times.clock
        everything.processor += times.processor
        print(f"{name:34} {collection.count(search):8} {times}")
    print(f"{'all of these':43} {everything}")
    for name, search in (("count everything", Search()), ("count a word", Search(text="apple"))):
        print(f"{name:43} {Times().repeated(partial(collection.count, search))}")
    print(f"{'models, samplers, networks, tags':43} {Times().repeated(collection.choices)}")


def measure_scrolling(collection: Collection) -> None:
    """Go through all pictures page by page, as endless scrolling does, and jump about."""
    times, after, found = Times(), "", 0
    while page := times.ask(partial(collection.search, Search(), limit=200, after=after)):
        after, found = page[-1].id, found + len(page)
    print(f"{'scroll to the end, 200 at a time':34} {found:8} {times}")
    dice, times = random.Random(2), Times()
    for _ in range(REPEATS):
        skip = dice.randrange(found)
        times.ask(partial(collection.search, Search(), limit=60, skip=skip))
    print(f"{'jump to anywhere':43} {times}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure the gallery.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    dice = random.Random(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        paths = Paths(data=Path(name))
        database = Database(paths.database)
        rate = fill(database, options.rows, dice)
        print(f"{options.rows:,} rows: {rate * 1000:.0f} ms of the processor per 1,000")
        write_files(paths.outputs / "txt2img-images", options.files, dice)
        indexer = Indexer(database, paths, Settings)
        times = Times()
        new = times.ask(indexer.look)
        share = 1000 / max(1, new)
        clock, processor = times.clock[0] * share, times.processor[0] * share
        print(f"{new:,} files: {clock:.0f} ms per 1,000, {processor:.0f} ms of the processor")
        collection = Collection(database, paths)
        measure_searches(collection)
        measure_scrolling(collection)
        size = paths.database.stat().st_size / 2**20
        print(f"database: {size:.0f} MiB")
        database.close()


if __name__ == "__main__":
    main()
