"""How long a key takes when words are completed: 200,000 tags, typed letter by letter.

`python -m benchmarks.completion [TAGS]` writes lists into a temporary folder, reads them as the
program does, and prints the time to read them and the slowest, median and mean time of an answer.
A frame of a screen is 16 ms.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.schema.catalogue import Catalogue
from modules.service.completion import Completer

SYLLABLES = ("ha", "ri", "mo", "long", "_hair", "blue", "_eyes", "su", "ka", "_dress", "ki", "to")
TYPED = ("long hair", "blue_eyes", "1girl", "zzzz", "hatsu", "a red dress and mo", "kakakaka")


def write_tags(path: Path, count: int) -> None:
    """A list of made-up tags, some with other names, used ever less."""
    source = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            name = "".join(source.choices(SYLLABLES, k=source.randint(2, 5))) + f"_{number:x}"
            other = f'"{name[::-1]},x{number}"' if number % 2 else ""
            file.write(f"{name},{number % 5},{count - number},{other}\n")


def main(count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(data=Path(folder))
        paths.tags.mkdir()
        write_tags(paths.tags / "tags.csv", count)
        completer = Completer(paths)
        catalogue, styles = Catalogue(loras=("one", "two")), StyleBook()
        begun = time.perf_counter()
        completer.complete("a", catalogue, styles)
        print(f"{count:,} tags read in {time.perf_counter() - begun:.2f} s")
        times = []
        for text in TYPED * 5:
            for end in range(1, len(text) + 1):
                begun = time.perf_counter()
                completer.complete(text[:end], catalogue, styles)
                times.append((time.perf_counter() - begun) * 1000)
        print(
            f"{len(times)} keys: median {statistics.median(times):.2f} ms,"
            f" mean {statistics.fmean(times):.2f} ms, slowest {max(times):.2f} ms"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
