"""Files of networks that say what a picture shows: where they belong, and which are there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.errors import ModelError

CAPTIONER_FOLDER = "BLIP"
TAGGER_FOLDERS = ("torch_deepdanbooru", "deepbooru", "tagger", "wd14_tagger")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
ONNX = ".onnx"
TAG_LIST = "selected_tags.csv"
PHRASES = "interrogate"
"""Folder beside `models` with lists of phrases, one a line."""
TOP = re.compile(r"\.top(\d+)$")


@dataclass(frozen=True)
class PhraseList:
    """Phrases of one kind, of which the best few are told."""

    name: str
    path: Path
    count: int = 1
    """How many are told."""


def captioner_file(models: Sequence[Path]) -> Path:
    """BLIP's weights. Raises ModelError that says which file belongs where."""
    return _file(
        models,
        (CAPTIONER_FOLDER,),
        SUFFIXES,
        "There is nothing here that describes pictures in a sentence.",
        "model_base_caption_capfilt_large.pth",
    )


def clip_file(folder: Path) -> Path:
    """CLIP's weights as transformers keeps them, in `folder`. Raises ModelError."""
    return _file(
        (folder.parent,),
        (folder.name,),
        SUFFIXES,
        "There is no CLIP here to choose phrases with.",
        "model.safetensors of clip-vit-large-patch14",
    )


def tagger_file(models: Sequence[Path]) -> Path:
    """DeepDanbooru's weights, or else a tagger in ONNX form. Raises ModelError."""
    return _file(
        models,
        TAGGER_FOLDERS,
        (*SUFFIXES, ONNX),
        "There is nothing here that describes pictures by tags.",
        "model-resnet_custom_v3.pt",
    )


def _file(
    models: Sequence[Path], folders: Sequence[str], suffixes: Sequence[str], what: str, usual: str
) -> Path:
    for suffix in suffixes:
        for folder in (root / name for root in models for name in folders):
            found = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
            if found:
                return found[0]
    raise ModelError(what, f"Put {usual} into {models[0] / folders[0]}.")


def phrase_lists(folder: Path, skipped: Sequence[str] = ()) -> Iterator[PhraseList]:
    """The lists in a folder; `flavors.top3.txt` is called flavors and tells three."""
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
        found = TOP.search(path.stem)
        name = path.stem if found is None else path.stem[: found.start()]
        if name not in skipped and path.stem not in skipped:
            yield PhraseList(name, path, 1 if found is None else int(found[1]))
