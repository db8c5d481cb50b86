"""Which phrases suit a picture best, by CLIP (Radford et al. 2021, arXiv:2103.00020)."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.architecture import text_config_from
from modules.model.assemble import build
from modules.model.files import read_weights
from modules.model.hashes import stamp
from modules.model.networks.clip_text import ClipText
from modules.model.networks.clip_vision import ClipVision, ClipVisionConfig
from modules.model.safety import below
from modules.model.safety import prepared as as_clip_sees

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Phrases that are encoded together."""
SHARPNESS = 100.0
"""What similarities are multiplied with before the softmax; the value CLIP learnt."""


class Words(Protocol):
    """CLIP's tokenizer, such as `modules.prompt.tokenizer.ClipTokenizer`."""

    start: int
    end: int

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without marks."""


class PairNetwork(nn.Module):
    """CLIP with both towers, under the names of transformers' files."""

    def __init__(self, vision: ClipVisionConfig, projection: int) -> None:
        super().__init__()
        self.vision_model = ClipVision(vision)
        self.visual_projection = nn.Linear(vision.width, projection, bias=False)


@dataclass(frozen=True)
class Ranked:
    """A phrase and how well it suits the picture, compared with the others of its list."""

    phrase: str
    share: float


class PhraseChooser:
    """Compares pictures with phrases."""

    def __init__(self, eye: PairNetwork, reader: ClipText, tokenizer: Words, mark: str) -> None:
        """`mark` tells files of weights apart."""
        self._eye = eye
        self._reader = reader
        self._tokenizer = tokenizer
        self._mark = mark
        self._device = next(eye.parameters()).device

    @classmethod
    def read(
        cls, path: Path, tokenizer: Words, device: torch.device | str = "cpu"
    ) -> "PhraseChooser":
        """Read CLIP's weights. Raises ModelError."""
        device = torch.device(device)
        with read_weights(path) as weights:
            shapes = weights.shapes
            try:
                vision = ClipVisionConfig.from_shapes(below(shapes, "vision_model."))
                projection = shapes["visual_projection.weight"][0]
                text = text_config_from(shapes)
            except (KeyError, IndexError, ValueError) as error:
                raise ModelError(
                    f"{path.name} is no whole CLIP: {error}.",
                    "Get model.safetensors of clip-vit-large-patch14.",
                ) from error
            names = {name: name for name in shapes}
            eye = build(
                lambda: PairNetwork(vision, projection), weights, names, device, torch.float32
            )
            reader = build(lambda: ClipText(text), weights, names, device, torch.float32)
        return cls(eye, reader, tokenizer, str(stamp(path)))

    @torch.inference_mode()
    def see(self, picture: Image.Image) -> Tensor:
        """The vector of an RGB picture (projection,), of length 1."""
        side = self._eye.vision_model.config.side
        x = as_clip_sees(np.asarray(picture.convert("RGB")), side).to(self._device)
        return F.normalize(self._eye.visual_projection(self._eye.vision_model(x)).float())[0]

    @torch.inference_mode()
    def read_phrases(
        self, phrases: Sequence[str], cache: Path, heed: Callable[[], None] = lambda: None
    ) -> Tensor:
        """The vectors of phrases (n, projection), of length 1; kept in the folder `cache`."""
        text = "\n".join([self._mark, *phrases]).encode("utf-8", "surrogatepass")
        place = cache / f"{hashlib.sha256(text).hexdigest()[:32]}.npy"
        try:
            return torch.from_numpy(np.load(place, allow_pickle=False)).to(self._device)
        except (OSError, ValueError):
            log.debug("%d phrases are read for the first time", len(phrases))
        vectors = []
        for start in range(0, len(phrases), AT_ONCE):
            heed()
            vectors.append(self._read_some(phrases[start : start + AT_ONCE]))
        found = torch.cat(vectors)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            np.save(place, found.cpu().numpy())
        except OSError as error:
            log.warning("The vectors of phrases cannot be kept: %s", error)
        return found

    def _read_some(self, phrases: Sequence[str]) -> Tensor:
        tokenizer, length = self._tokenizer, self._reader.config.positions
        rows = [
            [tokenizer.start, *tokenizer.encode(phrase)[: length - 2], tokenizer.end]
            for phrase in phrases
        ]
        ends = torch.tensor([len(row) - 1 for row in rows], device=self._device)
        width = max(map(len, rows))
        ids = torch.tensor([row + [tokenizer.end] * (width - len(row)) for row in rows])
        states = self._reader(self._reader.embed_tokens(ids.to(self._device)))
        return F.normalize(self._reader.pooled(states[-1], ends))

    def best(
        self, picture: Tensor, phrases: Sequence[str], vectors: Tensor, count: int
    ) -> list[Ranked]:
        """The `count` phrases that suit a picture's vector best, best first."""
        shares = (SHARPNESS * vectors @ picture).softmax(dim=0)
        top = shares.topk(min(count, len(phrases)))
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return [Ranked(phrases[at], share) for at, share in pairs]
