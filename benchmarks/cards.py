"""How fast the model browser is with 10,000 files: `python -m benchmarks cards [files]`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from modules.paths import Paths
from modules.service.card_files import folders_of_models
from modules.service.cards import CardIndex, CardSearch

FILES = 10_000
FOLDERS = 50
START = """
import sys, time
begin = time.perf_counter()
from pathlib import Path
from modules.engine.fake import FakeEngine
from modules.paths import Paths
from modules.service.app import build_app
from modules.settings.launch import Launch
app = build_app(Paths(data=Path(sys.argv[1])), Launch(), FakeEngine())
print(time.perf_counter() - begin)
app.close()
"""


def main() -> None:
    """Make the files, and print how long the browser takes."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        paths = Paths(data=Path(full))
        make_files(paths.lora, files)
        index = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
        say("listing the files for the first time", timed(index.list_files))
        say("first page of what is only listed", timed(lambda: index.page(CardSearch())))
        began = time.perf_counter()
        index.look()
        say("reading every header and note", time.perf_counter() - began)
        index.close()
        index = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
        say("first page after a restart", timed(lambda: index.page(CardSearch())))
        for title, search, skip in (
            ("the page in the middle", CardSearch(), files // 2),
            ("a search for two words", CardSearch(text="style 7"), 0),
            ("by time of change, newest first", CardSearch(sort="modified", descending=True), 0),
            ("one folder", CardSearch(folder="folder 7"), 0),
        ):
            look = partial(index.page, search, skip=skip)
            say(title, median(timed(look) for _ in range(5)))
        say("looking at the folders again", timed(index.look))
        index.close()
        without, with_files = (median(start(folder) for _ in range(3)) for folder in (empty, full))
        say("start of the service without models", without)
        say("start of the service with them", with_files)


def make_files(folder: Path, count: int) -> None:
    """Small LoRA files with headers like real ones; every third with notes, a picture beside."""
    shape = {"dtype": "F16", "shape": [4, 768], "data_offsets": [0, 6144]}
    for number in range(count):
        place = folder / f"folder {number % FOLDERS}"
        place.mkdir(parents=True, exist_ok=True)
        metadata = {"ss_output_name": f"alias {number}", "ss_base_model_version": "sd_v1"}
        key = (
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
        )
        header = json.dumps({"__metadata__": metadata, key: shape}).encode()
        content = len(header).to_bytes(8, "little") + header + bytes(6144)
        (place / f"style {number}.safetensors").write_bytes(content)
        if number % 3 == 0:
            note = {"description": f"number {number}", "activation text": "painted"}
            (place / f"style {number}.json").write_text(json.dumps(note))
            (place / f"style {number}.preview.png").write_bytes(b"")


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def start(folder: str) -> float:
    """Seconds until a service over `folder` is there, in a fresh interpreter."""
    command = [sys.executable, "-c", START, folder]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return float(answer.stdout.splitlines()[-1])


def say(what: str, seconds: float) -> None:
    """Print one line."""
    print(f"{what:40} {seconds * 1000:10.1f} ms", flush=True)


if __name__ == "__main__":
    main()
