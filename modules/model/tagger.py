"""Tags for a picture: DeepDanbooru's network, or any tagger in ONNX form with its list of tags."""

import csv
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.describer_files import ONNX, TAG_LIST
from modules.model.files import read_weights
from modules.model.networks.danbooru import Danbooru, DanbooruConfig
from modules.model.pickled import open_legacy, open_zip

SIDE = 512
"""Pixels that DeepDanbooru looks at."""
ONNX_SIDE = 448
WHITE = (255, 255, 255)
RATINGS = "rating:"
RATING_KIND = "9"
"""Of rows in `selected_tags.csv`."""

Score = Callable[[Image.Image], np.ndarray]
"""An RGB picture to the likelihood of each tag."""


@dataclass(frozen=True)
class Tagger:
    """A loaded tagger."""

    tags: Sequence[str]
    """In the order of the scores, words joined by underscores; ratings begin with `rating:`."""
    score: Score

    def look(self, picture: Image.Image) -> list[tuple[str, float]]:
        """Every tag but the ratings with its likelihood, likeliest first."""
        scores = self.score(picture.convert("RGB"))
        pairs = zip(self.tags, (float(value) for value in scores), strict=True)
        known = [pair for pair in pairs if not pair[0].startswith(RATINGS)]
        return sorted(known, key=lambda pair: -pair[1])


def load_tagger(path: Path, device: torch.device | str = "cpu") -> Tagger:
    """Load a tagger. Raises ModelError."""
    if path.suffix.lower() == ONNX:
        return _from_onnx(path)
    return _from_torch(path, torch.device(device))


def _from_torch(path: Path, device: torch.device) -> Tagger:
    tags = _tags_inside(path)
    with read_weights(path) as weights:
        try:
            config = DanbooruConfig.from_shapes(weights.shapes)
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(
                f"{path.name} is no tagger of DeepDanbooru's: {error}.",
                "Get model-resnet_custom_v3.pt.",
            ) from error
        names = {name: name for name in weights}
        network = build(lambda: Danbooru(config), weights, names, device, torch.float32)
    if config.shapes[-1][0] != len(tags):
        raise ModelError(
            f"{path.name} scores {config.shapes[-1][0]:,} tags but names {len(tags):,}."
        )

    @torch.inference_mode()
    def score(picture: Image.Image) -> np.ndarray:
        pixels = torch.from_numpy(fitted(picture, SIDE, edge=True)).float() / 255
        found: np.ndarray = network(pixels.permute(2, 0, 1)[None].to(device))[0].cpu().numpy()
        return found

    return Tagger(tags, score)


def _tags_inside(path: Path) -> list[str]:
    """The names of the tags, which the file holds beside its tensors."""
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    opened = (open_zip if is_zip else open_legacy)(path)
    content = opened.content
    opened.close()
    tags = content.get("tags") if isinstance(content, dict) else None
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise ModelError(f"{path.name} does not name its tags.", "Get model-resnet_custom_v3.pt.")
    return list(tags)


def _from_onnx(path: Path) -> Tagger:
    tags = read_tag_list(path.with_name(TAG_LIST))
    run = _runner(path)

    def score(picture: Image.Image) -> np.ndarray:
        blue_first = fitted(picture, ONNX_SIDE, edge=False)[..., ::-1].astype(np.float32)
        scores = run(np.ascontiguousarray(blue_first[None])).reshape(-1)
        if len(scores) != len(tags):
            raise ModelError(
                f"{path.name} scores {len(scores):,} tags, but {TAG_LIST} names {len(tags):,}.",
                "Both must come from the same place.",
            )
        return scores

    return Tagger(tags, score)


def _runner(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What computes an ONNX file: onnxruntime where it is installed, else OpenCV."""
    if importlib.util.find_spec("onnxruntime") is not None:
        import onnxruntime  # type: ignore[import-not-found,unused-ignore]

        session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda x: np.asarray(session.run(None, {name: x})[0])
    try:
        network: Any = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise ModelError(
            f"{path.name} cannot be read by OpenCV.", "pip install onnxruntime may help."
        ) from error

    def run(x: np.ndarray) -> np.ndarray:
        network.setInput(x)
        try:
            return np.asarray(network.forward())
        except cv2.error as error:
            raise ModelError(
                f"{path.name} cannot be computed by OpenCV.", "pip install onnxruntime may help."
            ) from error

    return run


def read_tag_list(path: Path) -> list[str]:
    """The tags in `selected_tags.csv` as WD14 taggers come with. Raises ModelError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            f"{RATINGS}{row['name']}" if row.get("category") == RATING_KIND else row["name"]
            for row in rows
        ]
    except FileNotFoundError as error:
        raise ModelError(
            f"The names of the tags are missing: {path}.",
            f"Put {TAG_LIST}, which the tagger came with, beside it.",
        ) from error
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path.name} is no list of tags: {error}.", "Get it again.") from error


def fitted(picture: Image.Image, side: int, *, edge: bool) -> np.ndarray:
    """A square (side, side, 3) with the whole picture in its middle.

    What is left is filled with the pixels at the `edge`, or white.
    """
    factor = side / max(picture.size)
    width, height = (max(1, round(length * factor)) for length in picture.size)
    small = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    left, top = (side - width) // 2, (side - height) // 2
    right, bottom = side - width - left, side - height - top
    kind = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(small, top, bottom, left, right, kind, value=WHITE)
